"""Sources: the doors. One module per kind (file, http, pull, …); outsiders: entry points ``hinomi.sources``.

A source runs as one asyncio task in the receiver and hands batches to a `Sink`. What it must
remember (offset, cursor, seen ids) is part of the batch and is committed together with its records;
it may go on only after `Sink.put` has returned.
"""

from asyncio import Event as Stop
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hinomi.clock import Clock
from hinomi.registry import Registry
from hinomi.settings import Settings, SourceSettings


@dataclass(frozen=True)
class Batch:
    """Records of one source for one commit.

    ``records`` are (place, raw bytes); ``state`` are the source's keys to set (None deletes) in the same
    commit; a batch without records just saves state.
    """

    records: Sequence[tuple[str, bytes]]
    state: Mapping[str, bytes | None] = field(default_factory=dict)
    context: str | None = None
    backfill: bool = False


class Sink(Protocol):
    """The receiver's side, bound to one source."""

    async def put(self, batch: Batch, *, wait: bool = True) -> None:
        """Return when the batch is durable.

        Raises:
            FullError: If the spool is full and ``wait`` is False; with ``wait`` it waits for room.
        """
        ...

    def state(self, key: str) -> bytes | None:
        """Return what this source saved under ``key``."""
        ...

    def states(self, prefix: str) -> dict[str, bytes]:
        """Return all that this source saved under keys with this prefix."""
        ...


@dataclass(frozen=True)
class SourceContext:
    """What a source is built from. ``settings`` is its own table, ``all`` the whole (for vendors, ingest)."""

    name: str
    settings: SourceSettings
    all: Settings
    clock: Clock


class Source(Protocol):
    """One configured door. Its class validates ``context.settings.own()`` with a pydantic model of its own."""

    async def run(self, sink: Sink, stop: Stop) -> None:
        """Bring records until ``stop`` is set; errors that pass are retried inside, with backoff and a log line.

        After an error it did not expect it is run again: it begins with what the sink remembers, and nothing else.
        """
        ...


class SourceType(Protocol):
    """What is registered: a class (or function) that makes a source, or raises ConfigError/Faults."""

    def __call__(self, context: SourceContext) -> Source:
        """Make the source."""
        ...


sources: Registry[SourceType] = Registry("source", __name__)
