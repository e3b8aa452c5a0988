"""訓練結果報告書: what a drill came to, as a score sheet: each step's due and done times, by whom, late by how much."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from hinomi.clock import JST, parse_iso
from hinomi.playbooks.messages import words
from hinomi.playbooks.messages.names import role_name
from hinomi.reports.model import Grid, ReportModel, Row, Section
from hinomi.text import era_date, era_time

Verdict = Literal["in_time", "done", "late", "overdue", "failed", "open", "not_started", "skipped"]
VERDICTS: dict[Verdict, str] = {
    "in_time": "期限内",
    "done": "実施（期限なし）",
    "late": "遅れ",
    "overdue": "未実施（期限超過）",
    "failed": "失敗",
    "open": "未実施（期限前）",
    "not_started": "未着手",
    "skipped": "対象外",
}
GOOD, NEVER = ("in_time", "done"), ("overdue", "failed", "open", "not_started")
ENDINGS = {
    "finished": "対応手順が最後まで進んだ",
    "stands": "だれも応答しなくなり、進まなくなった",
    "limit": "予定の時間になった",
    "interrupted": "途中で打ち切った（Ctrl-C）",
}
PLAYED = {"auto": "役割は自動で応答", "people": "実際の担当者が応答"}


@dataclass(frozen=True)
class Item:
    """One line: who was to do what by when, and what became of it. Times are ISO, ``late`` is in seconds."""

    playbook: str
    step: str
    flow: int | None
    what: str
    verdict: Verdict
    role: str = ""
    due: str | None = None
    done: str | None = None
    by: str = ""
    late: float | None = None
    reminded: int = 0
    escalated: str | None = None


@dataclass(frozen=True)
class Sheet:
    """A whole drill. ``pace``: the playbook's times passed so many times as fast."""

    flow: str
    title: str
    tenant: str
    school: str
    device: str
    played_by: str
    pace: float
    seed: int
    began: str
    ended: str
    ended_by: str
    sent_to: str
    items: Sequence[Item]
    modes: dict[str, str] = field(default_factory=dict)
    reminders: Sequence[tuple[str, str]] = ()
    escalations: Sequence[tuple[str, str]] = ()
    messages: int = 0
    requests: int = 0
    reports: Sequence[dict[str, Any]] = ()
    notes: Sequence[str] = ()
    audit: dict[str, Any] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Return {total, in_time, late, never}; what did not apply is not counted."""
        found = Counter[str](item.verdict for item in self.items if item.verdict != "skipped")
        good, never = (sum(found[verdict] for verdict in group) for group in (GOOD, NEVER))
        return {"total": found.total(), "in_time": good, "late": found["late"], "never": never}

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "drill": True, "score": self.counts()}


def span(seconds: float | None) -> str:
    """Return a time span as people read it: ``8.2秒``, ``3分05秒``, ``2時間10分``."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f}秒"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}分{whole % 60:02d}秒"
    return f"{whole // 3600}時間{whole % 3600 // 60:02d}分"


def clock(moment: str | None) -> str:
    """Return a time in Japan as a cell has it."""
    return parse_iso(moment).astimezone(JST).strftime("%m-%d %H:%M:%S") if moment else ""


def called(role: str) -> str:
    """Return a role as a line's narrow cell has it."""
    return "自動" if role == "system" else role_name(role) if role else ""


def nudged(item: Item) -> str:
    """Return how a line's people were pushed."""
    pushed = ([f"催促{item.reminded}"] if item.reminded else []) + (["上位へ連絡"] if item.escalated else [])
    return "　".join(pushed)


def model(sheet: Sheet, number: str, now: datetime) -> ReportModel:
    """Return the sheet as a report."""
    return ReportModel(
        kind="drill",
        title="訓練結果報告書",
        number=number,
        rev=1,
        drill=True,
        made_at=era_time(now),
        made_on=era_date(now.astimezone(JST).date()),
        addressee=f"{sheet.school}　関係者　各位",
        sender="火の見（hinomi）",
        subject=f"訓練（{sheet.title}）の結果",
        lead="実際の端末・製品には触れない訓練を、下記のとおり実施しました。",
        sections=[_about(sheet), _result(sheet), _lines(sheet), _said(sheet), _reports(sheet), _remarks(sheet)],
        audit_count=int(sheet.audit.get("records", 0)),
        audit_hash=str(sheet.audit.get("head", "")),
    )


def _about(sheet: Sheet) -> Section:
    modes = "\n".join(f"{name}（本番での動作：{words.word(words.MODES, mode)}）" for name, mode in sheet.modes.items())
    pace = "1倍（実際の時間）" if sheet.pace == 1 else f"{sheet.pace:g}倍（手順書の1分を{60 / sheet.pace:g}秒とした）"
    rows = [
        ("流れ", sheet.title), ("対象", f"{sheet.school}（{sheet.tenant}）"), ("端末（想定）", sheet.device), ("対応手順", modes),
        ("実施方法", PLAYED.get(sheet.played_by, sheet.played_by)), ("時間の進み", pace), ("連絡の送り先", sheet.sent_to),
        ("開始", era_time(sheet.began)), ("終了", era_time(sheet.ended)), ("終了の理由", ENDINGS.get(sheet.ended_by, sheet.ended_by)),
    ]  # fmt: skip
    return Section(title="訓練の概要", rows=[Row(label=label, value=value) for label, value in rows])


def _result(sheet: Sheet) -> Section:
    counts = sheet.counts()
    slowest = max((item.late or 0.0 for item in sheet.items), default=0.0)
    rows = [
        Row(label="期限内に実施", value=f"{counts['in_time']}／{counts['total']} 項目"),
        Row(label="遅れて実施", value=f"{counts['late']} 項目", open=counts["late"] > 0),
        Row(label="実施されず", value=f"{counts['never']} 項目", open=counts["never"] > 0),
        Row(label="最も大きい遅れ", value=span(slowest) if slowest else "なし"),
        Row(label="催促・上位者への連絡", value=f"催促 {len(sheet.reminders)}件、期限超過 {len(sheet.escalations)}件"),
        Row(label="送った連絡", value=f"{sheet.messages}件（すべて【訓練】と表示）"),
        Row(label="隔離などの要求", value=f"模擬の製品へ {sheet.requests}件。実際の製品へは0件（接続できない仕組み）"),
    ]
    return Section(title="結果", rows=rows)


def _lines(sheet: Sheet) -> Section:
    rows = [
        [
            str(item.flow or ""), item.what, called(item.role), clock(item.due), clock(item.done), item.by,
            VERDICTS[item.verdict], span(item.late), nudged(item),
        ]
        for item in sheet.items
    ]  # fmt: skip
    columns = ["段", "項目", "担当", "期限", "完了", "実施者", "判定", "遅れ", "催促など"]
    widths = [0.6, 3, 1.7, 1.8, 1.8, 2.4, 2.3, 1.4, 1.5]
    note = "時刻は日本標準時（JST）。遅れは実際に経過した時間。未実施の遅れは、訓練の終了までの時間。"
    return Section(title="採点表", grid=Grid(columns=columns, widths=widths, rows=rows, note=note))


def _said(sheet: Sheet) -> Section:
    rows = [[clock(at), text] for at, text in sorted([*sheet.reminders, *sheet.escalations])]
    return Section(title="催促と期限超過", grid=Grid(columns=["時刻", "内容"], widths=[2, 9.5], rows=rows))


def _reports(sheet: Sheet) -> Section:
    rows = [[str(r["number"]), str(r["title"]), str(r["sha256"] or "")] for r in sheet.reports]
    grid = Grid(columns=["報告番号", "報告書", "SHA-256"], widths=[2, 3, 7], rows=rows)
    return Section(title="訓練で作成された報告書", grid=grid)


def _remarks(sheet: Sheet) -> Section:
    return Section(title="気づいた点", notes=list(sheet.notes) or ["特になし"])
