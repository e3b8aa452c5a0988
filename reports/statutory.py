"""The statutory clock, as a hint: which duties to report may have begun, until when, and why.

Act on the Protection of Personal Information, article 68; Rules, articles 43 and 44 (PPC). It never
decides that nothing has to be reported: a board's officer does, and signs.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from hinomi.clock import JST
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


def evaluate(known_at: datetime, *, category: str, leak: Any, sensitive: Any, people: Any) -> Hint:
    """Return the hint for an incident; answers that are missing or unknown never rule a duty out."""
    known = known_at.astimezone(JST).date()
    reasons = []
    if category in WRONGFUL or category == "lost_device":
        reasons.append(f"{CASES[3]}：1人から対象")
    if sensitive != "なし":
        reasons.append(f"{CASES[1]}：{'「あり」と報告' if sensitive == 'あり' else '確認が必要（1人から対象）'}")
    count = persons(people)
    if count is None or count > 100:
        reasons.append(f"{CASES[4]}：{f'約{count}人と報告' if count else '本人の数の確認が必要'}")
    if leak == "なし":
        reasons.append(
            "漏えい等のおそれは「なし」と報告されている。対象外とするには、根拠の確認と教育委員会の判断が必要"
        )
    days = 60 if category in WRONGFUL else 30
    clocks = (
        Clock("速報（目安の始まり）", open_day(known + timedelta(days=2)), "知った日を1日目として3日目"),
        Clock("速報（目安の終わり）", open_day(known + timedelta(days=4)), "同5日目"),
        Clock(
            f"確報（{days}日以内）",
            open_day(known + timedelta(days=days - 1)),
            f"同{days}日目" + ("（不正の目的のおそれがある場合。それ以外は30日）" if days == 60 else ""),
        ),
    )
    return Hint(known, tuple(reasons), clocks)


def day_text(day: date) -> str:
    """Return ``令和8年11月24日（火）``."""
    return f"{era_date(day)}（{WEEKDAYS[day.weekday()]}）"
