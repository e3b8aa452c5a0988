"""What the actions on one endpoint share: explicit target, never empty, never a pattern."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from hinomi.playbooks.vendors import Intent


class EndpointTarget(BaseModel):
    """One device, by our id and by the vendor's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str = Field(min_length=1)
    machine: str = Field(min_length=1)


class FileTarget(EndpointTarget):
    """One file on one device."""

    sha1: str = Field(pattern=r"^[0-9a-fA-F]{40}$")


class EndpointAction:
    """An effect on one endpoint."""

    name: ClassVar[str]
    undo: ClassVar[str | None] = None
    verifies: ClassVar[str | None] = "done"
    guarded: ClassVar[bool] = False
    inputs: ClassVar[type[BaseModel]] = EndpointTarget

    def intent(self, target: dict[str, Any], tag: str) -> Intent:
        """Return the intent for a target.

        Raises:
            pydantic.ValidationError: If the target is not one explicit endpoint.
        """
        checked = self.inputs(**target)
        return Intent(self.name, {key: str(value) for key, value in checked.model_dump().items()}, tag)
