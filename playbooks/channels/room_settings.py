"""What the settings of every room have in common: whom it tells, and of which part of the tree."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hinomi.directory import GROUPS, ROLES
from hinomi.playbooks.channels import Room
from hinomi.settings import LOOPBACK, Settings, read_table
from hinomi.tenancy import is_tenant


class RoomSettings(BaseModel):
    """A table ``[channels.<name>]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[str, ...] = Field(min_length=1, description="Roles that are told here.")
    tenant: str = Field(default="", description="Only incidents of this subtree are told here.")

    @field_validator("roles")
    @classmethod
    def _may_share_a_room(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for role in value:
            if role == "teacher":
                raise ValueError("a teacher is written to at an address of their own, off the PC")
            if role not in (*ROLES, *GROUPS):
                raise ValueError(f"no role is called {role!r}; known: {', '.join((*ROLES, *GROUPS))}")
        return value

    @field_validator("tenant")
    @classmethod
    def _is_tenant(cls, value: str) -> str:
        if not is_tenant(value):
            raise ValueError("write prefecture/municipality/school")
        return value


Model = TypeVar("Model", bound=RoomSettings)


def private(url: str) -> str:
    """Return an address over which a secret may be sent.

    Raises:
        ValueError: If it is neither https nor on this machine.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("write an address that begins with https://")
    return url


@dataclass(frozen=True)
class RoomType(Generic[Model]):
    """What a room registers: ``keys`` are those of its table, of which it is made."""

    name: str
    keys: type[Model]
    make: Callable[[Model, Settings], Room]

    def __call__(self, settings: Settings) -> Room | None:
        """Make the room; None if it has no table.

        Raises:
            Faults: Naming every key that does not fit.
        """
        table = settings.channels.get(self.name)
        if table is None:
            return None
        return self.make(read_table(self.keys, table, settings, f"channels.{self.name}"), settings)
