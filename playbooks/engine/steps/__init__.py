"""Steps: what each kind does when its turn comes (one module a kind), and what ends it (`endings`).

All in the caller's transaction.
"""

from collections.abc import Callable, Mapping

from hinomi.playbooks.engine.steps import decide, do, endings, notify, report
from hinomi.playbooks.engine.steps.endings import (
    decided,
    fail,
    finish,
    handed,
    received,
    retry,
    timed_out,
    write_off,
)  # fmt: skip
from hinomi.playbooks.engine.steps.turn import PLANNED, Turn

__all__ = [
    "PLANNED", "Turn", "decide", "decided", "do", "endings", "fail", "finish", "handed", "notify", "received", "report", "retry", "start",
    "timed_out", "write_off",
]  # fmt: skip

KINDS: Mapping[str, Callable[[Turn], None]] = {
    "do": do.start, "notify": notify.start, "report": report.start, "decide": decide.start,
}  # fmt: skip


def start(turn: Turn) -> None:
    """Start one step."""
    KINDS[turn.step.kind](turn)
