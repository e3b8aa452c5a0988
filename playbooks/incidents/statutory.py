"""The statutory clock, as a hint: which duties to report may have begun, until when, and why.

Act on the Protection of Personal Information, article 68; Rules, articles 43 and 44 (PPC). It never
decides that nothing has to be reported: a board's officer does, and signs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, desc, select, update

from hinomi import audit
from hinomi.clock import JST, iso, parse_iso
from hinomi.playbooks.incidents import timeline
from hinomi.state import t
from hinomi.text import WEEKDAYS, era_date

SATURDAY = 5
CASES = {
    1: "(1) 要配慮個人情報が含まれる",
    2: "(2) 財産的被害のおそれがある",
    3: "(3) 不正の目的をもって行われたおそれがある（ウイルス感染・不正アクセス・盗難など）",
    4: "(4) 本人の数が100人を超える",
    5: "(5) 条例で定める要配慮個人情報が含まれる",
}
WRONGFUL = {"malware", "intrusion", "credential", "account"}


@dataclass(frozen=True)
class Clock:
    """One deadline."""

    name: str
    due: date
    rule: str


@dataclass(frozen=True)
class Hint:
    """What may apply, when, and why; ``known`` is day 1."""

    known: date
    reasons: tuple[str, ...]
    clocks: tuple[Clock, ...]


def open_day(day: date) -> date:
    """Return the day, or the next one that is no Saturday, Sunday or day of the year's turn (holidays are not known)."""
    while day.weekday() >= SATURDAY or (day.month, day.day) in {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)}:
        day += timedelta(days=1)
    return day


def persons(text: Any) -> int | None:
    """Return the number in an answer such as ``約120人`` or ``120名（概数）``, if there is exactly one."""
    digits = "".join(c if c.isdecimal() else "," if c in "，," else " " for c in str(text or "")).replace(",", "")
    numbers = [int(part) for part in digits.split() if len(part) < 10]
    return numbers[0] if len(numbers) == 1 else None


def evaluate(known_at: datetime, *, category: str, answers: Mapping[str, Any]) -> Hint:
    """Return the hint for an incident; answers that are missing or unknown never rule a duty out.

    Answers are those of its reports, by the names of their questions: ``leak_conclusion``, ``leak_possible``,
    ``sensitive``, ``persons``, ``kind`` (紛失, 盗難, …), ``encrypted``.
    """
    known = known_at.astimezone(JST).date()
    wrongful = category in WRONGFUL or (category == "lost_device" and answers.get("kind") == "盗難")
    days = 60 if wrongful else 30
    clocks = (
        Clock("速報（目安の始まり）", open_day(known + timedelta(days=2)), "知った日を1日目として3日目"),
        Clock("速報（目安の終わり）", open_day(known + timedelta(days=4)), "同5日目"),
        Clock(
            f"確報（{days}日以内）",
            open_day(known + timedelta(days=days - 1)),
            f"同{days}日目" + ("（不正の目的のおそれがある場合。それ以外は30日）" if wrongful else ""),
        ),
    )
    return Hint(known, tuple(_reasons(category, answers, wrongful)), clocks)


def _reasons(category: str, answers: Mapping[str, Any], wrongful: bool) -> list[str]:
    reasons = []
    if wrongful or (category == "lost_device" and answers.get("kind") != "紛失"):
        reasons.append(f"{CASES[3]}：1人から対象")
    if (sensitive := answers.get("sensitive")) != "なし":
        reasons.append(f"{CASES[1]}：{'「あり」と報告' if sensitive == 'あり' else '確認が必要（1人から対象）'}")
    count = persons(answers.get("persons"))
    if count is None or count > 100:
        reasons.append(f"{CASES[4]}：{f'約{count}人と報告' if count else '本人の数の確認が必要'}")
    if (answers.get("leak_conclusion") or answers.get("leak_possible")) == "なし":
        reasons.append(
            "漏えい等のおそれは「なし」と報告されている。対象外とするには、根拠の確認と教育委員会の判断が必要"
        )
    if answers.get("encrypted") == "あり":
        reasons.append("暗号化されていたと報告されている。高度な暗号化に当たるかどうかの確認と教育委員会の判断が必要")
    return reasons


def day_text(day: date) -> str:
    """Return ``令和8年11月24日（火）``."""
    return f"{era_date(day)}（{WEEKDAYS[day.weekday()]}）"


# --- of an incident, whenever its facts have changed -----------------------------------------------------


def of_incident(conn: Connection, incident: Mapping[str, Any]) -> Hint:
    """Return the hint for an incident as its submitted reports have it, the newest answer to a question first."""
    asked = select(t.report.c.fields).where(
        (t.report.c.incident == incident["id"]) & t.report.c.submitted_at.is_not(None)
    )
    answers: dict[str, Any] = {}
    for fields in conn.execute(asked.order_by(desc(t.report.c.submitted_at))).scalars():
        answers = {**fields, **answers}
    return evaluate(parse_iso(incident["opened_at"]), category=incident["category"], answers=answers)


def note(conn: Connection, incident_id: str, now: datetime) -> bool:
    """Look at an incident again; if the hint differs, keep it, and write it on the timeline and in the audit."""
    incident = dict(conn.execute(select(t.incident).where(t.incident.c.id == incident_id)).one()._mapping)
    hint = of_incident(conn, incident)
    kept = as_dict(hint)
    if incident["facts"].get("statutory") == kept:
        return False
    conn.execute(
        update(t.incident)
        .where(t.incident.c.id == incident_id)
        .values(facts={**incident["facts"], "statutory": kept}, updated_at=iso(now))
    )
    dates = "、".join(f"{clock.name} {day_text(clock.due)}" for clock in hint.clocks)
    text = f"個人情報保護委員会への報告の目安：{dates}。要否は教育委員会が判断します"
    timeline.add(conn, incident_id, kind="statutory", actor="system", now=now, text=text, data=kept)
    audit.record(
        conn, now, actor="system", act="statutory.evaluate", object=f"incident:{incident_id}", tenant=incident["tenant"],
        detail=kept,
    )  # fmt: skip
    return True


def as_dict(hint: Hint) -> dict[str, Any]:
    """Return plain data."""
    clocks = [{"name": clock.name, "due": clock.due.isoformat(), "rule": clock.rule} for clock in hint.clocks]
    return {"known": hint.known.isoformat(), "reasons": list(hint.reasons), "clocks": clocks}
