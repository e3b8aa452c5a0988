"""Actions: what a ``do:`` step may name. One module each; entry points ``hinomi.actions``."""

from typing import Any, ClassVar

from pydantic import BaseModel

from hinomi.playbooks.vendors import Intent, State
from hinomi.registry import Registry


class Action:
    """A typed effect on a vendor: inputs, a dry run (the adapter's `plan`), a way back, a way to see it is done."""

    name: ClassVar[str]
    undo: ClassVar[str | None] = None
    """Name of the opposite action."""
    verifies: ClassVar[State | None] = "done"
    """Observed state that means done: isolated, released, clean, done."""
    guarded: ClassVar[bool] = False
    """Whether caps, protection, kill switch and the conditions of automatic containment apply."""
    quorum: ClassVar[int] = 0
    """How many different persons must approve at least, whatever the playbook says."""
    irreversible: ClassVar[bool] = False
    """Whether nothing brings back what it does: who approves it has to name the device."""
    inputs: ClassVar[type[BaseModel]]
    """pydantic model (frozen, extra=forbid) of the target."""

    def intent(self, target: dict[str, Any], tag: str) -> Intent:
        """Return the intent for a target.

        Raises:
            pydantic.ValidationError: If the target is not what `inputs` describes.
        """
        checked = self.inputs(**target)
        return Intent(self.name, {key: str(value) for key, value in checked.model_dump().items()}, tag)


actions: Registry[type[Action]] = Registry("action", __name__)
