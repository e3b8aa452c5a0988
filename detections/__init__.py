"""What looks wrong: Sigma rules on the live stream. A library: no process, no I/O but loading.

`hinomi.detections.load` gives a `Rules`; the worker asks `current()` between blocks and matches with
that `RuleSet`; correlations run in the responder (`hinomi.detections.correlation`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hinomi.event import Event
from hinomi.hits import RuleInfo
from hinomi.registry import extensions
from hinomi.settings import Settings

if TYPE_CHECKING:
    from hinomi.detections.engine.compiling import Compiled


@dataclass(frozen=True)
class RuleFault:
    """A rule that could not be loaded, or that failed on an event; it is disabled alone."""

    rule: str
    where: str
    reason: str


@dataclass(frozen=True)
class MatchResult:
    """``hits`` are (index of the event in the block, rule); ``cost`` is seconds per rule id, where measured."""

    hits: Sequence[tuple[int, RuleInfo]]
    faults: Sequence[RuleFault] = ()
    cost: Mapping[str, float] = field(default_factory=dict)


class RuleSet(Protocol):
    """An immutable, compiled set of rules."""

    generation: int
    rules: Mapping[str, RuleInfo]
    unmapped: Mapping[str, Sequence[str]]
    """Rule id → Sigma fields that no field map of its log source knows; shown, never silent."""
    faults: Sequence[RuleFault]
    fields: frozenset[str]
    """ECS fields that its rules read: columns for the event store."""
    compiled: Mapping[str, "Compiled"]
    """Every rule as data, also those that only feed correlations."""

    def prepare(self) -> None:
        """Make now what events would ask for first: for a stream, of which no event is to wait for it."""
        ...

    def only(self, rules: Collection[str]) -> "RuleSet":
        """Return a set of these rules alone, for hunts."""
        ...

    def match(self, events: Sequence[Event]) -> MatchResult:
        """Match a block's events (enriched, ECS); also raises `vendor:<dataset>` hits for ``event.kind: alert``."""
        ...


class Rules(Protocol):
    """The rule folders, watched."""

    def current(self) -> RuleSet:
        """Return the newest whole set; a new `generation` where files have changed, or what is rare was learned."""
        ...

    def learned(self, name: str) -> float | None:
        """Return when something was last learned under a name, in seconds since 1970; None if never."""
        ...

    def study(self, chunks: Sequence[bytes], name: str) -> bool:
        """Learn what is rare from a sample (`hinomi.detections.learning`), beside what is done now; False: not now."""
        ...


def packaged_folders(settings: Settings) -> list[Path]:
    """Return the folder of the shipped rules, if the settings want them, and those of other packages."""
    found = [Path(str(files("hinomi.detections") / "rules"))] if settings.rules.shipped else []
    for point in extensions("hinomi.rules"):
        module = point.load()
        found.append(Path(str(files(module if isinstance(module, str) else module.__name__))))
    return found


def load(settings: Settings) -> Rules:
    """Load the rules that the settings name; their folders are watched from then on."""
    from hinomi.detections.engine.loading import RuleFolders

    return RuleFolders(settings)
