"""What a test expects, held against what happened; what differs is shown beside what there was of that step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from hinomi.playbooks.rehearsal.cases import Case, Expected
from hinomi.playbooks.rehearsal.playing import Outcome
from hinomi.playbooks.rehearsal.watching import MESSAGE, Happening
from hinomi.playbooks.writing import duration

CLOSE = timedelta(seconds=10)
"""How near two times must be: a product is looked at every few seconds."""


@dataclass(frozen=True)
class Verdict:
    """Whether a test holds; if not, the lines that differ: ``-`` expected, ``+`` what there was instead."""

    name: str
    where: str
    differs: list[str]

    @property
    def ok(self) -> bool:
        """Whether all that was expected has happened, and nothing else was wrong."""
        return not self.differs


def judge(case: Case, where: str, outcome: Outcome) -> Verdict:
    """Hold a test against what happened."""
    differs = [f"! {problem}" for problem in outcome.problems]
    for wanted in case.expect:
        met = [one for one in outcome.happenings if _is(wanted, one)]
        if wanted.never:
            differs += [f"- {_wanted(wanted)}", *(f"+ {line(one)}" for one in met[:3])] if met else []
        elif not any(wanted.at is None or abs(one.at - wanted.at) <= CLOSE for one in met):
            instead = [line(one) for one in met or _near(wanted, outcome.happenings)]
            differs += [
                f"- {_wanted(wanted)}",
                *(f"+ {text}" for text in instead or [f"nothing happened to {wanted.step}"]),
            ]
    return Verdict(case.name, where, differs)


def _is(wanted: Expected, one: Happening) -> bool:
    if wanted.step and one.step != wanted.step:
        return False
    if wanted.message is not None:
        return one.message == wanted.message and wanted.to in (None, one.who)
    if wanted.is_ is None:
        return one.what not in ("skipped", MESSAGE)
    return wanted.is_ in (one.what, one.outcome) and wanted.to in (None, one.who)


def _near(wanted: Expected, happenings: Sequence[Happening]) -> list[Happening]:
    """Return what happened to that step, messages only where one was expected."""
    return [
        one for one in happenings if one.step == wanted.step and (one.what == MESSAGE) == (wanted.message is not None)
    ]


def _wanted(wanted: Expected) -> str:
    at = clock(wanted.at) if wanted.at is not None else "ever"
    what = "never" if wanted.never else wanted.is_ or ""
    message = f"message {wanted.message}" if wanted.message else ""
    return "  ".join(
        part for part in (at.rjust(8), wanted.step, what, message, f"→ {wanted.to}" if wanted.to else "") if part
    )


def line(one: Happening) -> str:
    """Return one thing that happened as a line."""
    what = (
        f"message {one.message}" if one.what == MESSAGE else " ".join(part for part in (one.what, one.outcome) if part)
    )
    who = f"→ {one.who}" if one.who else ""
    return "  ".join(part for part in (clock(one.at).rjust(8), one.step, what, who, one.detail) if part)


def clock(at: timedelta) -> str:
    """Return a time as tests write it, to the second."""
    return duration(timedelta(seconds=round(at.total_seconds())))
