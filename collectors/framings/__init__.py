"""Framings: how bytes are cut into records. One module each; outsiders: entry points ``hinomi.framings``."""

from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple, Protocol

from hinomi.registry import Registry


class Cut(NamedTuple):
    """One record and the offset (stream) or number (whole) at which it starts; ``end`` is where the next may start."""

    start: int
    end: int
    raw: bytes


class StreamFraming(Protocol):
    """Cuts a growing stream. One object per open file; offsets count from the byte it was started at."""

    @property
    def kind(self) -> Literal["stream"]:
        """Which of the two it is."""
        ...

    def feed(self, data: bytes) -> list[Cut]:
        """Take more bytes; return the records that are now complete."""
        ...

    def finish(self) -> list[Cut]:
        """Return what is left as a last, torn record, if anything."""
        ...

    @property
    def context(self) -> str | None:
        """What the records need from their file (the CSV header's text), once it is known."""
        ...


class WholeFraming(Protocol):
    """Reads a file that must be complete (a JSON array, EVTX)."""

    @property
    def kind(self) -> Literal["whole"]:
        """Which of the two it is."""
        ...

    def open(self, file: BinaryIO, from_record: int) -> Iterator[Cut]:
        """Yield records from number ``from_record`` on; `Cut.start` is the record's number."""
        ...


class FramingType(Protocol):
    """What is registered: makes a framing for a file in an encoding, going on after a known context."""

    def __call__(self, *, encoding: str = "", context: str | None = None) -> StreamFraming | WholeFraming:
        """Make one."""
        ...


framings: Registry[FramingType] = Registry("framing", __name__)
