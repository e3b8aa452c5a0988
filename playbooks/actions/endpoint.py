"""What the actions on one endpoint share: explicit target, never empty, never a pattern."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from hinomi.playbooks.actions import Action


class EndpointTarget(BaseModel):
    """One device, by our id and by the vendor's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str = Field(min_length=1)
    machine: str = Field(min_length=1)


class NamedTarget(EndpointTarget):
    """One device whose name is compared with what the product calls it, before anything is sent."""

    name: str = Field(min_length=1)


class FileTarget(EndpointTarget):
    """One file on one device."""

    sha1: str = Field(pattern=r"^[0-9a-fA-F]{40}$")


class EndpointAction(Action):
    """An effect on one endpoint."""

    inputs: ClassVar[type[BaseModel]] = EndpointTarget
