"""Sections that several reports share: what was detected, where the device stands, the flow, evidence, the law."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from hinomi.clock import parse_iso
from hinomi.playbooks.incidents import statutory
from hinomi.playbooks.messages import names, words
from hinomi.playbooks.messages.names import role_name
from hinomi.reports.facts import Facts
from hinomi.reports.fields import INVESTIGATING
from hinomi.reports.model import CLASSES, NICKNAMES, Grid, Row, Section
from hinomi.text import era_time, jst

MOST_EVIDENCE = 200


def known(label: str, value: Any, note: str = "") -> Row:
    """Return a fact of the system; 調査中 where it knows nothing."""
    text = "" if value is None else str(value)
    return Row(label=label, value=text or INVESTIGATING, open=not text, note=note)


def when(moment: datetime | str | None) -> str:
    """Return a time in the Japanese era, or nothing."""
    return era_time(moment) if moment else ""


def short(moment: str | None) -> str:
    """Return a time for a table's cell."""
    return jst(moment).removesuffix(" JST") if moment else ""


def file_class(value: str | None) -> str:
    """Return ``重要性分類Ⅱ（通称：機密Ⅱ）``."""
    if not value:
        return ""
    return f"重要性分類{CLASSES.get(value, value)}（通称：{NICKNAMES.get(value, '')}{CLASSES.get(value, '')}）"


def minutes(start: datetime | str | None, end: datetime | str | None) -> str:
    """Return how long it took, or nothing: seconds below two minutes, then minutes (with seconds below ten)."""
    if not start or not end:
        return ""
    first, last = (parse_iso(m) if isinstance(m, str) else m for m in (start, end))
    seconds = (last - first).total_seconds()
    if seconds < 0:
        return "0分（記録時刻の前後により0とした）"
    if seconds < 120:
        return f"{seconds:.1f}秒"
    return f"{seconds / 60:.1f}分（{seconds:.0f}秒）" if seconds < 600 else f"{seconds / 60:.0f}分"


def techniques(tags: Iterable[str]) -> list[str]:
    """Return the ATT&CK techniques among Sigma's tags, as ATT&CK writes them: ``attack.t1204.002`` → ``T1204.002``."""
    found = (re.fullmatch(r"attack\.(t\d{4}(?:\.\d{3})?)", tag) for tag in tags)
    return sorted({match[1].upper() for match in found if match})


def _listed(values: Iterable[Any], most: int) -> str:
    return "\n".join(_joined(values, most).replace(" ほか", "、ほか").split("、"))


def _joined(values: Iterable[Any], most: int = 8) -> str:
    kept = [str(value) for value in dict.fromkeys(values) if value]
    rest = f" ほか{len(kept) - most}件" if len(kept) > most else ""
    return "、".join(kept[:most]) + rest


# --- the incident ------------------------------------------------------------------------------------


def report_rows(facts: Facts) -> list[Row]:
    """Return which report this is, and on which incident."""
    return [
        Row(label="報告番号", value=f"{facts.report['number']}（第{facts.report['rev']}版）"),
        known("報告日時", when(facts.report["submitted_at"] or facts.now)),
        Row(label="事案番号", value=str(facts.incident["number"])),
    ]


def case_rows(facts: Facts) -> list[Row]:
    """Return which incident this is, who reports it, and when it was detected."""
    return [
        *report_rows(facts),
        known("報告者・所属校", facts.reporter),
        Row(label="対象校", value=facts.school),
        known("検知日時", when(facts.incident["detected_at"])),
    ]


def device_rows(facts: Facts) -> list[Row]:
    """Return the device: name, asset number, user."""
    device = facts.device
    return [
        known("端末名", device.name if device else facts.incident["host"]),
        known("資産番号", device.asset_no if device else ""),
        known("利用者", facts.owner or facts.incident["user"]),
    ]


def detection_rows(facts: Facts) -> list[Row]:
    """Return what saw it, what it is called, hashes and files."""
    found = facts.incident["facts"]
    sources = found.get("sources", ()) or [row["source"] for row in facts.alerts]
    hashes = [*found.get("sha256", ()), *found.get("vendor_sha1", ()), *found.get("sha1", ())]
    return [
        known("検知元", _joined(facts.source_names.get(source, source) for source in sources)),
        known("検知名", _joined(found.get("rules", ()) or [row["title_ja"] or row["title"] for row in facts.alerts])),
        known("ハッシュ値", _listed(hashes, 4), note="64文字はSHA-256、40文字はSHA-1" if hashes else ""),
        known("関係するファイル", _joined(found.get("files", ()))),
        known("攻撃手法（ATT&CK）", _joined(techniques(found.get("tags", ())))),
    ]


_ASKED = {
    "waiting": "要求前（承認待ち）",
    "intent": "要求中（未確認）",
    "sent": "要求中（未確認）",
    "accepted": "要求済（未確認）",
    "verified": "確認済",
    "failed": "失敗",
    "manual": "手動での対応",
}


def isolation_rows(facts: Facts) -> list[Row]:
    """Return where the isolation stands, as observed, with the time it was observed."""
    step = facts.step("endpoint.isolate")
    seen = facts.device_state
    asked = _ASKED.get(step["state"], words.word(words.STATES, step["state"])) if step else "要求なし"
    if step and step["error"]:
        asked += f"：{step['error']}"
    observed = f"{words.word(words.STATES, seen['state'])}（{when(seen['observed_at'])} 現在）" if seen else ""
    return [
        Row(label="隔離状況", value=asked),
        known("最後に観測した状態", observed),
        known("隔離を要求した時刻", when(step["sent_at"]) if step else ""),
        known("隔離を確認した時刻", when(facts.isolated_at)),
        known("隔離解除を確認した時刻", when(facts.released_at) or ("未解除" if facts.holds else "")),
    ]


def notice_row(facts: Facts) -> Row:
    """Return when the isolation notice was sent and received."""
    _, wait = facts.of_flow(3)
    received = [r["received_at"] for r in facts.receipts_of(wait) if r["received_at"]]
    sent = [r["sent_at"] for r in facts.receipts_of(wait) if r["sent_at"]]
    if received:
        return Row(label="隔離通知受信時刻", value=when(min(received)))
    return Row(
        label="隔離通知受信時刻", value=f"未受領（送信 {when(min(sent))}）" if sent else INVESTIGATING, open=True
    )


# --- the flow ----------------------------------------------------------------------------------------

_WAITS = {"open": "待ち", "done": "完了", "failed": "期限までに完了せず", "written_off": "打ち切り"}


def flow_section(facts: Facts) -> Section:
    """Return the eleven documented steps: due, done, by whom, and what did not happen."""
    rows = [["1", words.FLOW[1], "", short(facts.incident["opened_at"]), role_name("system"), "完了"]]
    for number in range(2, 12):
        step, wait = facts.of_flow(number)
        row = wait if wait and (step is None or number in (3, 4, 5, 6, 9, 10, 11)) else step
        if row is None:
            rows.append([str(number), words.FLOW[number], "", "", "", "未着手"])
            continue
        done = row["done_at"]
        state = _WAITS.get(row["state"]) if row is wait else words.word(words.STATES, row["state"])
        if row is not wait and row["state"] == "waiting":
            state = "待ち"
        by = facts.who(row["by"]) if row["by"] else (role_name(row["role"]) if row is wait else role_name("system"))
        rows.append([str(number), words.FLOW[number], short(row["due_at"]), short(done), by, state or ""])
    columns = ["段", "段階", "期限", "完了", "実施者・担当", "状態"]
    grid = Grid(columns=columns, widths=[0.5, 3, 2.4, 2.4, 3.2, 2.2], rows=rows, note="時刻は日本標準時（JST）")
    return Section(title="対応の流れ", grid=grid)


def timeline_section(facts: Facts) -> Section:
    """Return everything that happened, in order."""
    rows = [
        [short(entry["at"]), names.told(entry, facts.people), facts.who(entry["actor"])] for entry in facts.timeline
    ]
    note = f"全{len(rows)}件。時刻は日本標準時（JST）"
    return Section(
        title="時系列", grid=Grid(columns=["時刻", "内容", "実施者"], widths=[2.3, 7, 3], rows=rows, note=note)
    )


def figures_section(facts: Facts) -> Section:
    """Return the times a board compares: to notice, to isolate, isolated for, to recover."""
    incident = facts.incident
    held = minutes(facts.isolated_at, facts.released_at)
    end = facts.released_at or incident["closed_at"]
    return Section(
        title="所要時間",
        rows=[
            known("検知から担当者の確認まで（MTTA）", minutes(incident["detected_at"], incident["acknowledged_at"])),
            known("検知から隔離の確認まで", minutes(incident["detected_at"], facts.isolated_at)),
            known("隔離から解除まで（隔離時間）", held or ("隔離を継続中" if facts.isolated_at else "")),
            known("検知から復旧まで（MTTR）", minutes(incident["detected_at"], end)),
        ],
        notes=["MTTRの終わりは、隔離解除を確認した時刻（隔離していないときは事案の終結）です。"],
    )


def evidence_section(facts: Facts) -> Section:
    """Return specimens and traces with their hashes; what is left out is counted."""
    rows = []
    for alert in facts.alerts:
        for event in alert["evidence"] or [{}]:
            names = ("file.hash.sha256", "process.hash.sha256", "file.hash.sha1", "process.hash.sha1")
            digest = next((str(event[name]) for name in names if event.get(name)), "")
            path = event.get("file.path") or event.get("file.name") or event.get("process.executable") or ""
            identity = str(event.get("event.id") or "")
            what = alert["title_ja"] or alert["title"]
            rows.append(
                [
                    short(event.get("@timestamp") or alert["first_seen"]),
                    f"検知{alert['number']} {what}",
                    str(path),
                    digest or f"記録ID {identity}",
                ]
            )
    total = sum(alert["count"] for alert in facts.alerts)
    shown = rows[:MOST_EVIDENCE]
    note = f"検知{len(facts.alerts)}件（元の記録{total}件）のうち{len(shown)}件を掲載。記録IDは原文のBLAKE2b-128。"
    grid = Grid(
        columns=["時刻", "証跡", "対象", "ハッシュ値・記録ID"], widths=[2.2, 3.2, 3.6, 3.6], rows=shown, note=note
    )
    return Section(title="検体・証跡一覧とハッシュ", grid=grid)


# --- the law -----------------------------------------------------------------------------------------


def statutory_section(facts: Facts) -> Section:
    """Return the hint on duties to report: never a decision."""
    asked = ("leak_conclusion", "leak_possible", "sensitive", "persons", "kind", "encrypted")
    hint = statutory.evaluate(
        parse_iso(facts.incident["opened_at"]),
        category=facts.incident["category"],
        answers={name: facts.answer(name) for name in asked},
    )
    rows = [Row(label="知った日（1日目）", value=f"{statutory.day_text(hint.known)}　事案を開始した日")]
    rows += [Row(label=clock.name, value=f"{statutory.day_text(clock.due)}　{clock.rule}") for clock in hint.clocks]
    rows += [
        Row(label="該当するおそれのある要件", value="\n".join(hint.reasons) or "申告の内容からは見当たらない（要確認）")
    ]
    return Section(
        title="個人情報保護委員会への報告の目安",
        rows=rows,
        notes=[
            "個人情報の保護に関する法律第68条、同施行規則第43条・第44条による目安です。報告の要否は本書では判断していません。教育委員会の責任者が判断し、署名してください。",
            "期限の日が閉庁日のときは次の開庁日としています（土日と年末年始のみ考慮。祝日は確認してください）。",
        ],
    )
