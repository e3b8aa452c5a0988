"""Correlations on the stream: their state is in the state store, in the caller's transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from hinomi.clock import micros_at
from hinomi.detections.correlation import LATENESS, hits_of, record_of, specs_of
from hinomi.detections.correlation.machine import Machine
from hinomi.detections.correlation.store import StoredGroups
from hinomi.hits import Hit

MOST_TOKEN = 64 * 1024
_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Hit).decode


class Correlator:
    """All correlations of one rule set on the stream; its state is in the state store."""

    def __init__(self, ruleset: Any, lateness: float = LATENESS):
        """Take a rule set, and how many seconds late an event may come and still count."""
        self._infos, specs = specs_of(ruleset.correlations)
        marks = {name: info.hash for name, info in self._infos.items()}
        self._groups = StoredGroups(int(lateness * 1_000_000), marks, (_keep, _decode))
        self._machine = Machine(specs, self._groups)

    @property
    def evicted(self) -> int:
        """Groups that had to go since this began."""
        return self._groups.evicted

    def feed(self, conn: Connection, hits: Iterable[Hit], now: datetime) -> list[Hit]:
        """Take hits, in the caller's transaction; return those of correlations that became true."""
        self._groups.conn, moment = conn, micros_at(now)
        found: list[Hit] = []
        for hit in hits:
            if self._machine.wants(hit.rule.id):
                found += hits_of(self._infos, self._machine.feed(hit.rule.id, record_of(hit), moment))
        self._groups.save(moment)
        return found

    def due(self, conn: Connection, now: datetime) -> bool:
        """Tell whether something has waited long enough."""
        return self._groups.is_due(conn, micros_at(now))

    def ripen(self, conn: Connection, now: datetime) -> list[Hit]:
        """Return the hits of conditions that have waited long enough."""
        self._groups.conn, moment = conn, micros_at(now)
        found: list[Hit] = []
        for kept in list(self._groups.due(moment, self._machine.specs)):
            found += hits_of(self._infos, self._machine.ripe(kept, moment))
        self._groups.save(moment)
        return found

    def forget(self) -> None:
        """Read state again: the transaction of the last call was not committed."""
        self._groups.forget()


def _keep(hit: Hit) -> bytes:
    """Encode a hit that waits, without an event that is too large."""
    kept = _encode(hit)
    return kept if len(kept) <= MOST_TOKEN else _encode(msgspec.structs.replace(hit, event=None))
