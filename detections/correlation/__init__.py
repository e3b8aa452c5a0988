"""Correlations: what several hits mean together. Owned by the responder on the stream, by a hunt over the past.

One state machine (`window`, pure) over sliding windows of event time, fed by hits; `store` keeps it in the state
store, in the transaction that takes the hits, so a replay doubles nothing. One hit is given out a group and span of
time; an outer correlation is fed with every window in which an inner one is true.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def _specs(ruleset: Any) -> tuple[dict[str, RuleInfo], dict[str, Spec]]:
    correlations: Sequence[Correlated] = getattr(ruleset, "correlations", ())
    infos = {rule.info.id: rule.info for rule in correlations}
    return infos, {rule.info.id: rule.correlation for rule in correlations if rule.correlation is not None}


class Correlator:
    """All correlations of one rule set on the stream; its state is in the state store."""

    def __init__(self, ruleset: Any, lateness: float = LATENESS):
        """Take a rule set, and how many seconds late an event may come and still count."""
        self._infos, specs = _specs(ruleset)
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


def over(ruleset: Any, hits: Iterable[Hit], lateness: float = LATENESS) -> Iterator[Hit]:
    """Yield what correlations make of hits that are all there, in order of their events' time: a hunt, a file."""
    infos, specs = _specs(ruleset)
    memory = Memory(int(lateness * 1_000_000))
    machine = Machine(specs, memory)
    now = 0
    for hit in hits:
        record = _record(hit)
        now = max(now, record.time)
        yield from _hits(infos, _ripe(machine, memory, now))
        yield from _hits(infos, machine.feed(hit.rule.id, record, now))
    yield from _hits(infos, _ripe(machine, memory, END))


def _ripe(machine: Machine, memory: Memory, now: int) -> Iterator[Found]:
    for kept in memory.due(now):
        yield from machine.ripe(kept, now)


def _record(hit: Hit) -> Record:
    scope = hit.tenant + PAST if hit.backfill else hit.tenant
    return Record(scope, _micros(parse_iso(hit.time)), hit.event_id, hit.fields, hit)


def _hits(infos: Mapping[str, RuleInfo], found: Iterable[Found]) -> Iterator[Hit]:
    """Yield correlations' own hits, about the entity of the hit that completed each; inner ones raise none."""
    for made in found:
        rule, hit, time = infos[made.rule], made.fired.token, iso(from_micros(made.fired.end))
        if made.first and not rule.silent:
            yield msgspec.structs.replace(
                hit, rule=rule, event_id=made.id, time=time, vendor_id=None, fields=dict(made.values)
            )


def _keep(hit: Hit) -> bytes:
    """Encode a hit that waits, without an event that is too large."""
    kept = _encode(hit)
    return kept if len(kept) <= MOST_TOKEN else _encode(msgspec.structs.replace(hit, event=None))


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
