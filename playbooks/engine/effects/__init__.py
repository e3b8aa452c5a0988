"""Effects: what the executor carries out for a leased row, one module each: act, verification, message, card, report."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hinomi.playbooks.engine.effects import action, message, report, room, verification
from hinomi.playbooks.engine.effects.action import PAGE_AFTER
from hinomi.playbooks.engine.rows import Row

__all__ = ["EFFECTS", "PAGE_AFTER"]

EFFECTS: Mapping[str, Callable[[Any, Row], Awaitable[None]]] = {
    "action": action.carry_out,
    "verify": verification.carry_out,
    "message": message.carry_out,
    "card": room.refresh,
    "report": report.carry_out,
}
