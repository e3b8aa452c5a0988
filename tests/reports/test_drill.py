"""Reports in a drill, and of one: marked on every page, with every line of the score sheet."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from hinomi.clock import iso
from hinomi.reports import drill, page, pdf
from hinomi.reports.builder import Builder
from hinomi.reports.drill import VERDICTS, Item, Sheet
from hinomi.settings import Drill

NOW = datetime(2026, 11, 25, 3, 1, tzinfo=UTC)
HEADER = "【訓練】【取扱注意】"
HOSTILE = "<script>alert(1)</script> #panic() \u202e"


def pages(content: bytes) -> list[str]:
    return [re.sub(r"\s+", "", part.extract_text()) for part in PdfReader(io.BytesIO(content)).pages]


@pytest.mark.parametrize("kind", ["first_response", "infection", "final"])
def test_a_report_made_in_a_drill_is_marked_on_every_page_and_one_made_otherwise_is_not(world: Any, kind: str) -> None:
    report = world.open(kind)
    exercise = Builder(world.settings.model_copy(update={"drill": Drill(on=True)}), world.state)
    for builder, expected in ((exercise, True), (world.builder, False)):
        found = pages(Path(builder.build(report, NOW).path).read_bytes())
        assert [HEADER in text for text in found] == [expected] * len(found)
        assert ("これは訓練のために作成した報告書です" in found[0]) == expected


def after(minutes: float) -> str:
    return iso(NOW + timedelta(minutes=minutes))


@pytest.fixture
def sheet() -> Sheet:
    items = [
        Item("ours", f"s{n}", n + 1, f"項目{n}", verdict, "teacher", after(n), after(n + 1), f"佐藤 花{n}（教職員）", 60.5 * n, n, after(n) if n else None)
        for n, verdict in enumerate(VERDICTS)
    ]  # fmt: skip
    return Sheet(
        "external", "外部要因：ウイルス検知", "kita/aoba/higashi-es", "東小学校", "A-0101", "auto", 60, 1, after(0), after(20), "stands", "フォルダ",
        items, {"ours": "shadow"}, [(after(3), "催促を送りました: 受領")], [(after(5), HOSTILE)], 9, 4,
        [{"number": "2026-0001", "title": "一次対応報告", "sha256": "cd" * 32}], ["役割「teacher」に連絡先がない。"], {"records": 70, "head": "ab" * 32},
    )  # fmt: skip


def said(sheet: Sheet) -> list[str]:
    lines = [
        text for item in sheet.items for text in (item.what, item.by, VERDICTS[item.verdict], drill.span(item.late))
    ]
    more = [
        "2／7項目",
        "本番での動作：記録のみ",
        "60倍",
        "催促を送りました",
        "一次対応報告",
        "cd" * 32,
        "役割「teacher」",
        "70件",
        "ab" * 32,
    ]
    return [*lines, *more, "だれも応答しなくなり"]


def in_html(text: str) -> str:
    return unescape(re.sub(r"<style>.*?</style>|<[^>]+>", "", text, flags=re.S))


@pytest.mark.parametrize("render", [
    lambda model: "".join(pages(pdf.render(model, NOW))),
    lambda model: in_html(page.render(model)),
], ids=["pdf", "html"])  # fmt: skip
def test_the_sheet_holds_every_line_on_paper_and_as_a_page(sheet: Sheet, render: Callable[[Any], str]) -> None:
    text = re.sub(r"\s+", "", render(drill.model(sheet, "D-1", NOW)))
    assert [words for words in said(sheet) if re.sub(r"\s+", "", words) not in text] == []
    assert "alert(1)" in text


def test_the_sheet_is_marked_on_every_page_of_paper_and_twice_on_the_web(sheet: Sheet) -> None:
    model = drill.model(sheet, "D-1", NOW)
    found = pages(pdf.render(model, NOW))
    assert all(HEADER in text for text in found)
    text = page.render(model)
    assert "<title>【訓練】訓練結果報告書 D-1</title>" in text
    assert "これは訓練の記録です" in text
    assert "<script>alert" not in text


def test_as_json_it_says_that_it_is_a_drill_and_carries_the_score(sheet: Sheet) -> None:
    found = sheet.as_dict()
    assert found["drill"] is True
    assert found["score"] == {"total": 7, "in_time": 2, "late": 1, "never": 4}
    assert [item["verdict"] for item in found["items"]] == list(VERDICTS)
