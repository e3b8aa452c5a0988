"""端末内情報一覧: what the logs have last seen on a device, by class; nobody writes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hinomi.clock import iso
from hinomi.events import EventStore
from hinomi.events.contents import Contents, on_device
from hinomi.reports import ReportKind, parts, reports
from hinomi.reports.answers import Answers
from hinomi.reports.events import coverage_section, occurred
from hinomi.reports.facts import Facts
from hinomi.reports.fields import Authored
from hinomi.reports.internal import reported_rows
from hinomi.reports.model import CLASSES, NICKNAMES, Grid, Row, Section

WINDOW = timedelta(days=90)
"""How far the logs are looked back through."""
MOST = 400
"""Files that are printed."""
NO_CLASS = "分類なし"
CHANNELS = {"usb": "外部記憶媒体", "web": "Web", "mail": "メール", "print": "印刷", "share": "共有"}


class DeviceContents(Authored):
    """Nothing is asked."""


@dataclass(frozen=True)
class Found:
    """The contents of a device that is known."""

    contents: Contents

    def facts(self) -> dict[str, Any]:
        """Return how many files of each class there were."""
        counts = {name or "none": count for name, count in self.contents.by_class().items() if count}
        return {"contents": counts, **({"file_class": self.contents.highest} if self.contents.highest else {})}


def look(store: EventStore, facts: Facts, silence: Mapping[str, float]) -> Found | None:
    """Return what the logs have seen on the incident's device, until now."""
    if facts.device is None:
        return None
    since = iso(occurred(facts) - WINDOW)
    return Found(on_device(store, facts.people, facts.device, since, iso(facts.now), silence))


def sections(facts: Facts, answers: Answers) -> list[Section]:
    """Return the report's sections."""
    found: Found | None = facts.found
    files = found.contents.files if found else []
    case = [*reported_rows(facts), *parts.device_rows(facts)]
    return [
        Section(title="対象", rows=case),
        Section(title="重要性分類ごとの件数", rows=_counts(found), notes=[
            "操作ログなどの記録に現れ、削除の記録がないファイルです。端末に現在あることを証明するものではなく、記録に現れないファイルが端末にある可能性もあります。",
        ] if found else []),
        Section(title="ファイルの一覧", grid=Grid(
            columns=["分類", "ファイル", "最後に記録された日時", "持ち出し"], widths=[1, 6.5, 2.6, 1.6],
            rows=[_row(file) for file in files[:MOST]],
            note=f"{len(files)}件のうち{min(len(files), MOST)}件を掲載。分類の高い順、次に新しい順。時刻は日本標準時（JST）",
        )),
        coverage_section(found.contents.coverage if found else None),
    ]  # fmt: skip


def _counts(found: Found | None) -> list[Row]:
    if found is None:
        return [Row(label="件数", value="対象の端末を特定できないため、調べていません", open=True)]
    return [
        Row(
            label=f"{CLASSES[name]}（通称：{NICKNAMES[name]}{CLASSES[name]}）" if name else NO_CLASS, value=f"{count}件"
        )
        for name, count in found.contents.by_class().items()
    ]


def _row(file: Any) -> list[str]:
    left = CHANNELS.get(file.left, file.left)
    return [CLASSES.get(file.file_class or "", "―"), file.path, parts.short(file.last_seen), left or "―"]


KIND = reports.register("device_contents")(
    ReportKind(
        name="device_contents",
        title="端末内情報一覧",
        matter="紛失・盗難に遭った端末に保存されていた可能性のある情報について",
        fields=DeviceContents,
        sections=sections,
        author="system",
        to="school_management",
        looks=look,
    )
)
