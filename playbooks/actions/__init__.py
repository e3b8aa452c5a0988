"""Actions: what a ``do:`` step may name. One module each; entry points ``hinomi.actions``."""

from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from hinomi.playbooks.vendors import Intent
from hinomi.registry import Registry


class Action(Protocol):
    """A typed effect on a vendor: inputs, a dry run (the adapter's `plan`), a way back, a way to see it is done."""

    name: ClassVar[str]
    undo: ClassVar[str | None]
    """Name of the opposite action."""
    verifies: ClassVar[str | None]
    """Observation state that means done: isolated, released, clean, done."""
    guarded: ClassVar[bool]
    """Whether caps, protection, kill switch and automatic-containment conditions apply."""
    inputs: ClassVar[type[BaseModel]]
    """pydantic model (frozen, extra=forbid) of the target."""

    def intent(self, target: dict[str, Any], tag: str) -> Intent:
        """Return the intent for a validated target."""
        ...


actions: Registry[type[Action]] = Registry("action", __name__)
