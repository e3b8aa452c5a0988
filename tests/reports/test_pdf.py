"""Reports on paper: fonts, glyphs, every field's label and value, hostile text, length, pictures."""

import hashlib
import io
import re
import shutil
import struct
import subprocess
import unicodedata
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ContentStream

from hinomi.errors import IntegrityError
from hinomi.playbooks.incidents import timeline
from hinomi.reports import fonts, forms, pdf, reports
from hinomi.reports.builder import Builder
from hinomi.reports.fields import FormField
from hinomi.reports.model import Grid, ReportModel, Row, Section
from hinomi.settings import SourceSettings

LATER = datetime(2026, 11, 24, 3, 1, tzinfo=UTC)
POPPLER = shutil.which("pdftoppm") is not None
RIGHT_MARGIN = (210 - 20) / 25.4 * 72 + 5  # a closing bracket hangs over by half its width
HOSTILE = {
    "markup": "<script>alert(1)</script> &amp; <b>",
    "typst": '#panic("x") #text(red)[y] $ x^2 $ *bold* _it_ @ref <label> = heading ``` \\',
    "formula": '=HYPERLINK("http://evil.example/","click") @SUM(1) +1 -1',
    "bidi": "正\u202e逆\u2066文\u200b字",
    "controls": "nul\x00bell\x07",
    "path": "C:\\Users\\" + "very-long-folder-name-without-any-space" * 20 + "\\x.docm",
    "unbroken": "a" * 3000,
    "kanji": "無" * 600,
    "rare": "髙﨑𠮷辻\U000e0100葛\U000e0100🍣ไทย\ue000",
    "percent": "%s {0} {{ 7*7 }} ${x}",
}


def squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text)


def read(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


def text_of(content: bytes) -> str:
    return squeeze("".join(page.extract_text() for page in read(content).pages))


def fonts_of(reader: PdfReader) -> dict[str, Any]:
    found = {}
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():  # type: ignore[attr-defined]  # pypdf knows it as any object
            font = font.get_object()
            found[str(font["/BaseFont"])] = font["/DescendantFonts"][0].get_object()
    return found


def missing_glyphs(reader: PdfReader) -> int:
    """Count glyph 0 (.notdef) in what the pages show."""
    count = 0
    for page in reader.pages:
        for operands, operator in ContentStream(page.get_contents(), reader).operations:
            if operator not in (b"Tj", b"TJ"):
                continue
            for part in operands[0] if isinstance(operands[0], list) else [operands[0]]:
                raw = getattr(part, "original_bytes", None)
                if raw is not None:
                    count += sum(glyph == 0 for (glyph,) in struct.iter_unpack(">H", raw))
    return count


def values(questions: tuple[FormField, ...]) -> dict[str, Any]:
    """Return an answer of its own for every question."""
    found: dict[str, Any] = {}
    for n, question in enumerate(questions):
        if question.shape == "choices":
            found[question.name] = list(question.choices[:2])
        elif question.shape == "choice":
            found[question.name] = question.choices[n % len(question.choices)]
        elif question.shape == "time":
            found[question.name] = f"2026-11-{n % 20 + 1:02d}T10:{n:02d}"
        else:
            found[question.name] = f"回答{n}：{question.label}について確認した内容"
    return found


def model(sections: list[Section], **more: Any) -> ReportModel:
    base: dict[str, Any] = {
        "kind": "final", "title": "最終報告書", "number": "2026-0001", "rev": 1, "made_at": "令和8年11月24日", "made_on": "令和8年11月24日",
        "addressee": "青葉市教育委員会　教育長　様", "sender": "事業者", "subject": "件", "lead": "報告します。", "sections": sections,
        "audit_count": 3, "audit_hash": "ab" * 32,
    }  # fmt: skip
    return ReportModel(**base | more)


@pytest.mark.parametrize(
    "kind", ["first_response", "infection", "final", "loss", "loss_to_board", "missent", "missent_to_board"]
)
def test_pdf_holds_every_label_and_value(world: Any, kind: str) -> None:
    report = world.open(kind, reports.get(kind).author)
    questions = forms.fields_for(kind)
    world.submit(report, values(questions), "person:o01")
    with world.state.read() as conn:
        data = world.builder.model(conn, report, LATER)
    content = Path(world.builder.build(report, LATER).path).read_bytes()
    text = text_of(content)
    with world.state.read() as conn:
        for item in forms.form(conn, forms.by_id(conn, report)):
            label = {"data_class": "重要性分類"}.get(item["name"], item["label"])
            assert squeeze(str(label)) in text, item["name"]
            assert squeeze(str(item["shown"])) in text, item["name"]
    for section in data.sections:
        assert squeeze(section.title) in text
        for row in section.rows:
            assert squeeze(row.label) in text
            assert squeeze(row.value) in text
        for cell in (cell for row in (section.grid.rows if section.grid else []) for cell in row):
            assert squeeze(cell) in text
    assert "未記入" not in text
    for said in (
        "監査記録の件数",
        f"{data.audit_count}件",
        data.audit_hash,
        "取扱注意",
        "重要性分類Ⅱ",
        "TLP:AMBER+STRICT",
        "令和8年11月24日",
    ):
        assert said in text


def test_pdf_embeds_both_fonts_and_no_others(world: Any) -> None:
    report = world.open("infection", "school_management")
    reader = read(Path(world.builder.build(report, LATER).path).read_bytes())
    found = fonts_of(reader)
    assert {re.sub(r"^/[A-Z]{6}\+|-Identity-H$", "", name) for name in found} == {
        "NotoSansCJKjp-Regular",
        "NotoSansCJKjp-Bold",
    }
    assert all("/FontFile3" in font["/FontDescriptor"] for font in found.values())


def test_pdf_is_tagged_titled_and_marked_on_every_page(world: Any) -> None:
    report = world.open("final")
    with world.state.write() as conn:
        for n in range(120):
            timeline.add(conn, "inc1", kind="note", actor="system", text=f"記録{n}", now=LATER)
    reader = read(Path(world.builder.build(report, LATER).path).read_bytes())
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]
    assert root["/Lang"] == "ja-JP"
    assert reader.metadata is not None
    assert "最終報告書" in str(reader.metadata.title)
    count = len(reader.pages)
    assert count > 4
    for number, page in enumerate(reader.pages, 1):
        text = squeeze(page.extract_text())
        assert f"{number}/{count}" in text
        assert "TLP:AMBER+STRICT" in text
        assert "報告番号2026-0001" in text


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_pdf_prints_hostile_text_as_text_inside_the_page(name: str) -> None:
    text = HOSTILE[name]
    grid = Grid(columns=["時刻", "内容"], widths=[1, 4], rows=[[text, text]], note=text)
    section = Section(
        title=text[:200], rows=[Row(label=text[:200], value=text, note=text[:200])], grid=grid, notes=[text]
    )
    content = pdf.render(model([section], subject=text, warnings=[text]), LATER)
    reader = read(content)
    shown = text_of(content)
    for char in text:
        code = ord(char)
        hidden = unicodedata.category(char) in {"Cc", "Cf", "Co"} or code not in fonts.covered()
        variation = 0xE0100 <= code < 0xE01F0
        if hidden and not variation:
            assert f"[U+{code:04X}]" in shown
            assert char not in shown
    if name in ("markup", "typst", "formula", "path", "unbroken", "kanji", "percent"):
        assert squeeze(text) in shown
    assert missing_glyphs(reader) == 0
    if POPPLER:
        assert right_edge(content) <= RIGHT_MARGIN


def right_edge(content: bytes) -> float:
    """Return the largest x of any word's box, in points."""
    boxes = subprocess.run(
        ["pdftotext", "-bbox", "-", "-"], input=content, capture_output=True, check=True
    ).stdout.decode()
    return max(float(x) for x in re.findall(r'xMax="([0-9.]+)"', boxes))


def test_pdf_has_no_missing_glyph_for_names_in_schools(world: Any) -> None:
    report = world.open("first_response", "teacher")
    world.submit(
        report, {"how": "髙橋・﨑山・𠮷田・辻󠄀・葛󠄀城", "symptom": "①㈱㍻〜～―‐−", "actions": ["不明"]}, "person:t01"
    )
    content = Path(world.builder.build(report, LATER).path).read_bytes()
    assert missing_glyphs(read(content)) == 0
    assert "髙橋・﨑山・𠮷田" in text_of(content)


def test_pdf_of_two_thousand_rows_is_whole(world: Any) -> None:
    report = world.open("final")
    with world.state.write() as conn:
        for n in range(2000):
            timeline.add(conn, "inc1", kind="note", actor="person:o01", text=f"経過の記録 その{n:04d}", now=LATER)
    content = Path(world.builder.build(report, LATER).path).read_bytes()
    text = text_of(content)
    assert all(f"その{n:04d}" in text for n in range(0, 2000, 97))
    assert "その1999" in text
    assert "全2004件" in text


def test_pdf_of_the_same_facts_is_the_same_file(world: Any) -> None:
    report = world.open("final")
    first = world.builder.build(report, LATER)
    assert world.builder.build(report, LATER) == first
    assert hashlib.sha256(Path(first.path).read_bytes()).hexdigest() == first.sha256


@pytest.mark.skipif(not POPPLER, reason="pdftoppm is not installed (Debian: poppler-utils)")
@pytest.mark.parametrize("kind", ["first_response", "infection", "final"])
def test_pdf_pages_are_rendered_to_png_with_ink_on_each(world: Any, tmp_path: Path, kind: str) -> None:
    report = world.open(kind, reports.get(kind).author)
    built = world.builder.build(report, LATER)
    subprocess.run(["pdftoppm", "-r", "40", "-gray", "-png", built.path, str(tmp_path / "page")], check=True)
    pages = sorted(tmp_path.glob("page*.png"))
    assert len(pages) == len(read(Path(built.path).read_bytes()).pages)
    for page in pages:
        width, height, dark = ink(page.read_bytes())
        assert (width, height) == (331, 468)
        assert 0.002 < dark < 0.3


def ink(png: bytes) -> tuple[int, int, float]:
    """Return width, height and the share of dark bytes of a grey PNG (filtered rows count as they are)."""
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    rows = zlib.decompress(data)
    changed = sum(byte not in (0, 255) for byte in rows)
    return width, height, changed / len(rows)


def test_pdf_is_refused_when_a_font_is_not_the_pinned_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    regular, bold = fonts.fonts()
    fake = tmp_path / bold.path.name
    fake.write_bytes(b"OTTO")
    monkeypatch.setattr(fonts, "fonts", lambda: (regular, bold._replace(path=fake)))
    with pytest.raises(IntegrityError, match="not as it was pinned") as error:
        pdf.render(model([]), LATER)
    assert "noto-cjk-sans-jp-bold" in str(error.value.hint)


def test_the_fonts_are_those_that_were_pinned() -> None:
    assert len(fonts.check_fonts()) == 2
    assert ord("𠮷") in fonts.covered()


def test_what_saw_it_is_called_as_the_settings_call_it(world: Any) -> None:
    named = {
        "edr": SourceSettings(kind="pull", name="EDR（Defender for Endpoint）"),
        "winlog": SourceSettings(kind="http"),
    }
    builder = Builder(world.settings.model_copy(update={"sources": named}), world.state)
    report = world.open("infection")
    with world.state.read() as conn:
        rows = [row for section in builder.model(conn, report, LATER).sections for row in section.rows]
    assert [row.value for row in rows if row.label == "検知元"] == ["EDR（Defender for Endpoint）、winlog"]
