"""Channels: how a message reaches a person. One module each; entry points ``hinomi.channels``."""

from dataclasses import dataclass, field
from typing import Protocol

from hinomi.registry import Registry
from hinomi.settings import Settings


@dataclass(frozen=True)
class Message:
    """One message to one address: no personal names, no file names, no attachments; a link instead.

    ``id`` is stable over retries (Message-ID); ``mark`` is the TLP-like handling mark.
    """

    id: str
    to: str
    subject: str
    text: str
    mark: str = ""
    cc: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)


class ChannelError(Exception):
    """The message was not taken. ``permanent``: this address will not do, so tell somebody else."""

    def __init__(self, message: str, *, permanent: bool = False):
        super().__init__(message)
        self.permanent = permanent


class Channel(Protocol):
    """One configured way."""

    name: str

    async def send(self, message: Message) -> str:
        """Send it; return what the server said (for the audit).

        Raises:
            ChannelError: If it was not taken.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class ChannelType(Protocol):
    """What is registered: makes a channel from the settings; None if it is not configured."""

    def __call__(self, settings: Settings) -> Channel | None:
        """Make one."""
        ...


channels: Registry[ChannelType] = Registry("channel", __name__)
