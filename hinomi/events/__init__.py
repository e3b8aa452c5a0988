"""The event store: append, search, candidates, aggregate, expire. One interface; `lake` is the embedded default.

Tenant and window are ANDed here and nowhere else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from hinomi.event import Event
from hinomi.events.candidates import Filter
from hinomi.registry import Registry
from hinomi.settings import Settings
from hinomi.tenancy import Grant


class Term(NamedTuple):
    """One condition of a query; bare words have no field."""

    field: str | None
    op: Literal["=", "~", ">", ">=", "<", "<=", "!="]
    value: str


@dataclass(frozen=True)
class Query:
    """What to look for. ``since``/``until`` are ISO times, until exclusive; ``terms`` are ANDed.

    ``table`` is "events" or "egress"; ``cursor`` comes from the last page; newest first unless ``oldest_first``.
    """

    grant: Grant
    since: str
    until: str
    terms: Sequence[Term] = ()
    table: Literal["events", "egress"] = "events"
    limit: int = 100
    cursor: str | None = None
    oldest_first: bool = False


@dataclass(frozen=True)
class Found:
    """A page of whole events (flat ECS), and the cursor of the next one (None: there is none)."""

    events: list[Event]
    cursor: str | None = None


@dataclass(frozen=True)
class Aggregate:
    """Count (and first/last ``@timestamp``) of what a query finds, by up to three fields."""

    query: Query
    by: Sequence[str] = ()
    limit: int = 1000


@dataclass(frozen=True)
class Bucket:
    """One row of an answer to `Aggregate`."""

    key: tuple[Any, ...]
    count: int
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Flush:
    """What the storer hands over at once: blocks of one partition, each with its number, in order."""

    app_id: str
    blocks: Sequence[tuple[int, Sequence[Event]]] = field(default_factory=list)


class Diagnosis(NamedTuple):
    """One finding of `hinomi doctor`."""

    check: str
    ok: bool
    found: str
    remedy: str = ""


class EventStore(Protocol):
    """One implementation."""

    failpoint: Callable[[str], None]
    """Called with the name of a point where a test may have the process killed."""

    def append(self, flush: Flush) -> None:
        """Make the blocks durable and visible, whole or not at all; blocks at or below `position` are dropped."""
        ...

    def position(self, app_id: str) -> int:
        """Return the number of the last block that is in, 0 at first."""
        ...

    def search(self, query: Query) -> Found:
        """Return one page."""
        ...

    def scan(self, query: Query) -> Iterator[list[Event]]:
        """Yield all of a query, in batches, in bounded memory."""
        ...

    def candidates(self, filter: Filter, since: str, until: str, grant: Grant) -> Iterator[list[Event]]:
        """Yield at least every event that the filter holds for, in batches, in bounded memory; day after day, oldest first."""
        ...

    def aggregate(self, aggregate: Aggregate) -> list[Bucket]:
        """Count."""
        ...

    def expire(self, now: str, retention: Mapping[str, int]) -> int:
        """Drop whole days older than their retention (class → days); return how many partitions, or events, went."""
        ...

    def maintain(self) -> None:
        """Do what is due once an hour (compaction, checkpoints, cleaning the log), in a child if it is heavy."""
        ...

    def diagnose(self) -> Iterator[Diagnosis]:
        """Say whether it can do what it is for; never raises because it is away."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class StoreType(Protocol):
    """What is registered: opens a store; ``writable`` takes the writer's lock (one process only).

    ``keys``, where it has any, are a model of what ``[store]`` says to it alone. Opening connects to nothing.
    """

    def __call__(
        self, settings: Settings, *, writable: bool = False, fields: frozenset[str] = frozenset()
    ) -> EventStore:
        """Open it; ``fields`` are the ECS fields that rules read (columns)."""
        ...


stores: Registry[StoreType] = Registry("store", __name__)


def open_store(settings: Settings, *, writable: bool = False, fields: frozenset[str] = frozenset()) -> EventStore:
    """Open the store that the settings name."""
    return stores.get(settings.store.kind)(settings, writable=writable, fields=fields)
