"""送信記録一覧: what left by the hands of one person around the time of a mis-sent message; nobody writes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hinomi.clock import iso
from hinomi.directory.classes import CLASSES as ORDER
from hinomi.events import EventStore
from hinomi.events.exports import Answer, who_exported
from hinomi.reports import ReportKind, parts, reports
from hinomi.reports.answers import Answers
from hinomi.reports.device_contents import CHANNELS
from hinomi.reports.events import coverage_section, occurred
from hinomi.reports.facts import Facts
from hinomi.reports.fields import Authored
from hinomi.reports.internal import reported_rows
from hinomi.reports.model import CLASSES, Grid, Section
from hinomi.tenancy import Grant

AROUND = timedelta(hours=24)
MOST = 200
VERDICTS = {"blocked": "遮断", "allowed": "送信"}


class SentRecords(Authored):
    """Nothing is asked."""


@dataclass(frozen=True)
class Found:
    """What was sent."""

    answer: Answer

    def facts(self) -> dict[str, Any]:
        """Return how much was sent, and its highest class."""
        rows = self.answer.rows
        highest = next((name for name in ORDER if any(row["class"] == name for row in rows)), None)
        return {"sent": len(rows), **({"file_class": highest} if highest else {})}


def look(store: EventStore, facts: Facts, silence: Mapping[str, float]) -> Found | None:
    """Return what the person sent within a day of the time they have named."""
    user = str(facts.incident["user"] or "")
    if not user:
        return None
    moment, grant = occurred(facts), Grant("system", facts.incident["tenant"], frozenset({"read"}))
    answer = who_exported(
        store, facts.people, grant=grant, since=iso(moment - AROUND), until=iso(min(moment + AROUND, facts.now)),
        silence_after=silence, user=user,
    )  # fmt: skip
    return Found(answer)


def sections(facts: Facts, answers: Answers) -> list[Section]:
    """Return the report's sections."""
    found: Found | None = facts.found
    rows = found.answer.rows if found else []
    grid = Grid(
        columns=["日時", "経路", "宛先", "ファイル", "分類", "結果"], widths=[2.2, 1.4, 3.2, 3.6, 0.9, 1.1],
        rows=[_row(row) for row in rows[:MOST]],
        note=f"{len(rows)}件のうち{min(len(rows), MOST)}件を掲載。時刻は日本標準時（JST）",
    )  # fmt: skip
    return [
        Section(title="対象", rows=[*reported_rows(facts), parts.known("送信者", facts.who(f"person:{facts.incident['user']}"))]),
        Section(title="前後24時間の送信・持ち出しの記録", grid=grid, notes=[
            "誤送信にあたる記録かどうかは、この一覧では判断していません。記録に現れない送信がある可能性もあります。",
        ]),
        coverage_section(found.answer.coverage if found else None),
    ]  # fmt: skip


def _row(row: Mapping[str, Any]) -> list[str]:
    channel, verdict = str(row["channel"] or ""), str(row["verdict"] or "")
    return [
        parts.short(row["time"]), CHANNELS.get(channel, channel), str(row["destination"] or "不明"), str(row["file"] or "―"),
        CLASSES.get(str(row["class"] or ""), "―"), VERDICTS.get(verdict, verdict),
    ]  # fmt: skip


KIND = reports.register("sent_records")(
    ReportKind(
        name="sent_records",
        title="送信記録一覧",
        matter="誤送信の前後に行われた送信の記録について",
        fields=SentRecords,
        sections=sections,
        author="system",
        to="school_management",
        looks=look,
    )
)
