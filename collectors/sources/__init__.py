"""Sources: the doors. One module per kind (file, http, pull, …); outsiders: entry points ``hinomi.sources``.

A source runs as one asyncio task in the receiver and hands batches to a `Sink`. What it must
remember (offset, cursor, seen ids) is part of the batch and is committed together with its records;
it may go on only after `Sink.put` has returned.
"""

from asyncio import Event as Stop
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from hinomi.clock import Clock
from hinomi.errors import ConfigError
from hinomi.registry import Registry
from hinomi.settings import Settings, SourceSettings

Keys = TypeVar("Keys", bound=BaseModel)


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

    def dropped(self, count: int) -> None:
        """Count records that could not be taken; only a source whose sender cannot wait (UDP) may drop any."""
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


def own_settings(model: type[Keys], context: SourceContext) -> Keys:
    """Return the keys that belong to a source's kind.

    Raises:
        ConfigError: Naming every key that does not fit.
    """
    try:
        return model(**context.settings.own())
    except ValidationError as error:
        faults = "; ".join(
            ": ".join(part for part in (".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")) if part)
            for e in error.errors()
        )
        raise ConfigError(faults, hint=", ".join(model.model_fields)) from error


class Source(Protocol):
    """One configured door. Its class may name the pydantic model of its own keys as ``keys``: they are documented."""

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
