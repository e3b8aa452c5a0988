"""Channels: how a message reaches a person. One module each, or a package with `channel`; entry points ``hinomi.channels``."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

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


@dataclass(frozen=True)
class Choice:
    """One thing that may be answered: ``value`` is signed, and comes back with the click."""

    label: str
    value: str
    grave: bool = False


@dataclass(frozen=True)
class Ask:
    """What waits for an answer, until when, and what may be answered."""

    text: str
    due: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Answered:
    """What was answered: by whom (a role, and the account in the room if there is one), and when."""

    text: str
    outcome: str
    role: str
    at: str
    account: str = ""


@dataclass(frozen=True)
class Card:
    """What a room's one message about an incident says now: no personal names, no file names, no personal links."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    asks: tuple[Ask, ...] = ()
    answered: tuple[Answered, ...] = ()


class ChannelError(Exception):
    """The message was not taken. ``permanent``: this address will not do, so tell somebody else.

    ``after``: it was not looked at, and may be sent again after so many seconds.
    """

    def __init__(self, message: str, *, permanent: bool = False, after: float | None = None):
        super().__init__(message)
        self.permanent = permanent
        self.after = after


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


@runtime_checkable
class Room(Protocol):
    """A channel that several people read together: one card an incident, what happens below it.

    ``answers``: it has buttons, so that whoever is told here needs no mail beside it. Which roles it tells of which
    tenants is the settings' (``roles``, ``tenant`` of its table).
    """

    name: str
    answers: bool

    async def show(self, card: Card, place: str) -> str:
        """Post a card, or bring the one at ``place`` up to date; return where it is.

        Raises:
            ChannelError: If it was not taken.
        """
        ...

    async def add(self, place: str, message: Message) -> str:
        """Post a message below the card at ``place``; return what the server said (for the audit).

        Raises:
            ChannelError: If it was not taken.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class ChannelType(Protocol):
    """What is registered: makes a channel from the settings; None if it is not configured."""

    def __call__(self, settings: Settings) -> Channel | Room | None:
        """Make one."""
        ...


channels: Registry[ChannelType] = Registry("channel", __name__, submodule="channel")
