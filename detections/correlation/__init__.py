"""Correlations: what several hits mean together. Owned by the responder on the stream, by a hunt over the past.

One state machine (`window`, pure) over sliding windows of event time, fed by hits: here by those of the past, in `stream` by
those that come. `store` keeps it in the state store, in the transaction that takes the hits, so a replay doubles nothing. One
hit is given out a group and span of time; an outer correlation is fed with every window in which an inner one is true.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from hinomi.clock import from_micros, iso, micros_of
from hinomi.detections.correlation.machine import Found, Machine, Memory, Record
from hinomi.detections.correlation.spec import Spec
from hinomi.hits import Hit, RuleInfo

LATENESS = 300.0
PAST = "\x1epast"
END = 1 << 62


class Correlated(Protocol):
    """What a rule set says of a correlation."""

    @property
    def info(self) -> RuleInfo:
        """Return what the response needs to know of it."""
        ...

    @property
    def correlation(self) -> Spec | None:
        """Return what it looks for, its references resolved."""
        ...


def specs_of(correlations: Iterable[Correlated]) -> tuple[dict[str, RuleInfo], dict[str, Spec]]:
    """Return what rules are called and what they look for, by id."""
    correlations = list(correlations)
    infos = {rule.info.id: rule.info for rule in correlations}
    return infos, {rule.info.id: rule.correlation for rule in correlations if rule.correlation is not None}


class Past:
    """Correlations over hits that are all there already, handed in by their events' time: of a hunt, of files."""

    def __init__(
        self, correlations: Iterable[Correlated], *, lateness: float = LATENESS, wanted: Collection[str] | None = None
    ):
        """Take correlations, and the ids of those whose hits are ``wanted``; else all that raise any themselves."""
        self._infos, specs = specs_of(correlations)
        self._wanted = wanted
        self._memory = Memory(int(lateness * 1_000_000))
        self._machine = Machine(specs, self._memory)
        self._now = 0

    def wants(self, rule: str) -> bool:
        """Tell whether the hits of a rule are needed."""
        return self._machine.wants(rule)

    def feed(self, hits: Iterable[Hit]) -> Iterator[Hit]:
        """Take hits; yield those of correlations that became true."""
        for hit in hits:
            record = record_of(hit)
            self._now = max(self._now, record.time)
            yield from hits_of(self._infos, self._ripe(), self._wanted)
            yield from hits_of(self._infos, self._machine.feed(hit.rule.id, record, self._now), self._wanted)

    def end(self) -> Iterator[Hit]:
        """Yield the hits of what waits: nothing comes any more."""
        self._now = END
        yield from hits_of(self._infos, self._ripe(), self._wanted)

    def _ripe(self) -> Iterator[Found]:
        for kept in self._memory.due(self._now):
            yield from self._machine.ripe(kept, self._now)


def over(ruleset: Any, hits: Iterable[Hit], lateness: float = LATENESS) -> Iterator[Hit]:
    """Yield what a rule set's correlations make of hits, which come by their events' time."""
    past = Past(ruleset.correlations, lateness=lateness)
    yield from past.feed(hits)
    yield from past.end()


def record_of(hit: Hit) -> Record:
    """Return what the machine is fed with; what a source brings of the past is apart from what comes now."""
    scope = hit.tenant + PAST if hit.backfill else hit.tenant
    return Record(scope, micros_of(hit.time), hit.event_id, hit.fields, hit)


def hits_of(
    infos: Mapping[str, RuleInfo], found: Iterable[Found], wanted: Collection[str] | None = None
) -> Iterator[Hit]:
    """Yield correlations' own hits, about the entity of the hit that completed each; inner ones raise none."""
    for made in found:
        rule, hit, time = infos[made.rule], made.fired.token, iso(from_micros(made.fired.end))
        if made.first and (not rule.silent if wanted is None else rule.id in wanted):
            yield msgspec.structs.replace(
                hit, rule=rule, event_id=made.id, time=time, vendor_id=None, fields=dict(made.values)
            )
