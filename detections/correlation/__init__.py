"""Correlations: what several hits mean together. Owned by the responder on the stream, by a hunt over the past.

One state machine (`window`, pure) over sliding windows of event time, fed by hits; `store` keeps it in the state
store, in the transaction that takes the hits, so a replay doubles nothing. One hit is given out a group and span of
time; an outer correlation is fed with every window in which an inner one is true.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from hinomi.clock import from_micros, iso, parse_iso
from hinomi.detections.correlation.machine import Found, Machine, Memory, Record
from hinomi.detections.correlation.spec import Spec
from hinomi.detections.correlation.store import StoredGroups
from hinomi.hits import Hit, RuleInfo

LATENESS = 300.0
MOST_TOKEN = 64 * 1024
PAST = "\x1epast"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = 1 << 62

_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Hit).decode


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


def _specs(correlations: Iterable[Correlated]) -> tuple[dict[str, RuleInfo], dict[str, Spec]]:
    correlations = list(correlations)
    infos = {rule.info.id: rule.info for rule in correlations}
    return infos, {rule.info.id: rule.correlation for rule in correlations if rule.correlation is not None}


class Correlator:
    """All correlations of one rule set on the stream; its state is in the state store."""

    def __init__(self, ruleset: Any, lateness: float = LATENESS):
        """Take a rule set, and how many seconds late an event may come and still count."""
        self._infos, specs = _specs(ruleset.correlations)
        marks = {name: info.hash for name, info in self._infos.items()}
        self._groups = StoredGroups(int(lateness * 1_000_000), marks, (_keep, _decode))
        self._machine = Machine(specs, self._groups)

    @property
    def evicted(self) -> int:
        """Groups that had to go since this began."""
        return self._groups.evicted

    def feed(self, conn: Connection, hits: Iterable[Hit], now: datetime) -> list[Hit]:
        """Take hits, in the caller's transaction; return those of correlations that became true."""
        self._groups.conn, moment = conn, _micros(now)
        found: list[Hit] = []
        for hit in hits:
            if self._machine.wants(hit.rule.id):
                found += _hits(self._infos, self._machine.feed(hit.rule.id, _record(hit), moment))
        self._groups.save(moment)
        return found

    def due(self, conn: Connection, now: datetime) -> bool:
        """Tell whether something has waited long enough."""
        return self._groups.is_due(conn, _micros(now))

    def ripen(self, conn: Connection, now: datetime) -> list[Hit]:
        """Return the hits of conditions that have waited long enough."""
        self._groups.conn, moment = conn, _micros(now)
        found: list[Hit] = []
        for kept in list(self._groups.due(moment, self._machine.specs)):
            found += _hits(self._infos, self._machine.ripe(kept, moment))
        self._groups.save(moment)
        return found

    def forget(self) -> None:
        """Read state again: the transaction of the last call was not committed."""
        self._groups.forget()


class Past:
    """Correlations over hits that are all there already, handed in by their events' time: of a hunt, of files."""

    def __init__(
        self, correlations: Iterable[Correlated], *, lateness: float = LATENESS, wanted: Collection[str] | None = None
    ):
        """Take correlations, and the ids of those whose hits are ``wanted``; else all that raise any themselves."""
        self._infos, specs = _specs(correlations)
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
            record = _record(hit)
            self._now = max(self._now, record.time)
            yield from _hits(self._infos, self._ripe(), self._wanted)
            yield from _hits(self._infos, self._machine.feed(hit.rule.id, record, self._now), self._wanted)

    def end(self) -> Iterator[Hit]:
        """Yield the hits of what waits: nothing comes any more."""
        self._now = END
        yield from _hits(self._infos, self._ripe(), self._wanted)

    def _ripe(self) -> Iterator[Found]:
        for kept in self._memory.due(self._now):
            yield from self._machine.ripe(kept, self._now)


def over(ruleset: Any, hits: Iterable[Hit], lateness: float = LATENESS) -> Iterator[Hit]:
    """Yield what a rule set's correlations make of hits, which come by their events' time."""
    past = Past(ruleset.correlations, lateness=lateness)
    yield from past.feed(hits)
    yield from past.end()


def _record(hit: Hit) -> Record:
    scope = hit.tenant + PAST if hit.backfill else hit.tenant
    return Record(scope, _micros(parse_iso(hit.time)), hit.event_id, hit.fields, hit)


def _hits(
    infos: Mapping[str, RuleInfo], found: Iterable[Found], wanted: Collection[str] | None = None
) -> Iterator[Hit]:
    """Yield correlations' own hits, about the entity of the hit that completed each; inner ones raise none."""
    for made in found:
        rule, hit, time = infos[made.rule], made.fired.token, iso(from_micros(made.fired.end))
        if made.first and (not rule.silent if wanted is None else rule.id in wanted):
            yield msgspec.structs.replace(
                hit, rule=rule, event_id=made.id, time=time, vendor_id=None, fields=dict(made.values)
            )


def _keep(hit: Hit) -> bytes:
    """Encode a hit that waits, without an event that is too large."""
    kept = _encode(hit)
    return kept if len(kept) <= MOST_TOKEN else _encode(msgspec.structs.replace(hit, event=None))


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
