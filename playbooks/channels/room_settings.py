"""What the settings of every room have in common: whom it tells, and of which part of the tree."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hinomi.directory import GROUPS, ROLES
from hinomi.errors import ConfigError, Faults
from hinomi.settings import Settings
from hinomi.tenancy import is_tenant

LOOPBACK = ("127.0.0.1", "localhost", "::1")


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


def read(settings: Settings, name: str, model: type[Model]) -> Model | None:
    """Return a room's own settings; None if it has no table.

    Raises:
        Faults: Naming every key that does not fit.
    """
    table: Mapping[str, Any] | None = settings.channels.get(name)
    if table is None:
        return None
    try:
        return model.model_validate(table)
    except ValidationError as error:
        faults = [
            ConfigError(f"[channels.{name}] {'.'.join(map(str, fault['loc']))}: {fault['msg']}", where=settings.file)
            for fault in error.errors(include_input=False)
        ]
        raise Faults(faults, hint="the keys are listed in docs/howto/connect-slack.md") from error
