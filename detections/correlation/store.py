"""Groups of correlations in the state store: a row an entry, so that a hit costs a row whatever its window holds.

Written in the transaction that takes the hits, with their position: whatever is killed, a replay doubles nothing.
Bounded: the groups with the fewest entries go first (a flood of new keys makes many of one), then the stalest.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from hinomi import log
from hinomi.clock import from_micros, iso
from hinomi.detections.correlation.machine import Kept, Key, new_group
from hinomi.detections.correlation.measures import Entry
from hinomi.detections.correlation.spec import Spec
from hinomi.state import t, upsert

MOST_GROUPS = 20_000
MOST_IN_MEMORY = 300_000
"""Entries that are held in memory; others are read again when their group is fed."""
MOST_DUE = 500

_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
Tokens = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]


class StoredGroups:
    """The groups of one rule set, as `machine.Groups`. Set ``conn`` before use; `save` before its commit."""

    def __init__(self, lateness: int, marks: Mapping[str, str], tokens: Tokens):
        """Take what marks a correlation's content, since a changed one starts anew, and how tokens are kept."""
        self._lateness, self._marks = lateness, marks
        self._keep, self._read = tokens
        self._cache: OrderedDict[Key, Kept] = OrderedDict()
        self._dirty: dict[Key, Kept] = {}
        self._new = 0
        self._dropped: Counter[str] = Counter()
        """Why → entries or groups that were dropped since the last `save`."""
        self.conn: Connection | None = None
        self.evicted = 0

    def forget(self) -> None:
        """Drop what is in memory: its transaction was not committed."""
        self._cache.clear()
        self._dirty.clear()
        self._dropped.clear()

    def get(self, key: Key, spec: Spec, values: dict[str, Any]) -> Kept:
        """Return a group, from memory or the store, new if there is none."""
        kept = self._cache.get(key)
        if kept is None:
            kept = self._cache[key] = self._load(key, spec, values)
        self._cache.move_to_end(key)
        self._dirty[key] = kept
        return kept

    def _connection(self) -> Connection:
        if self.conn is None:
            raise RuntimeError("no transaction is open")
        return self.conn

    def _row(self, key: Key) -> dict[str, str]:
        return {"rule_id": f"{key.rule}\x1f{self._marks[key.rule]}", "tenant": key.scope, "group": key.group}

    def _load(self, key: Key, spec: Spec, values: dict[str, Any]) -> Kept:
        conn, row, table = self._connection(), self._row(key), t.correlation_entry
        header = conn.execute(select(t.correlation.c.body).where(_same(t.correlation, row))).scalar_one_or_none()
        if header is None:
            self._new += 1
            return Kept(key, new_group(spec, self._lateness), values)
        known = _decode(header)
        entries: list[Entry] = []
        waiting: dict[int, tuple[int, Any]] = {}
        columns = (table.c.time, table.c.event_id, table.c.slot, table.c.body, table.c.due, table.c.token)
        for time, event, slot, body, due, token in conn.execute(select(*columns).where(_same(table, row))):
            counted, carried = _decode(body)
            entries.append(
                Entry(time, event, slot, tuple(counted), tuple((name, _hashable(value)) for name, value in carried))
            )
            if due is not None:
                before = waiting.get(time, (0, None))
                waiting[time] = (max(due, before[0]), before[1] if token is None else self._read(token))
        group = new_group(spec, self._lateness, entries, waiting)
        return Kept(key, group, known["values"], set(known["cells"]))

    def is_due(self, conn: Connection, now: int) -> bool:
        """Tell whether anything waits no longer."""
        table = t.correlation_entry
        return conn.execute(select(table.c.due).where(table.c.due <= now).limit(1)).first() is not None

    def due(self, now: int, specs: Mapping[str, Spec]) -> Iterator[Kept]:
        """Yield the groups in which something waits no longer."""
        conn, table = self._connection(), t.correlation_entry
        key = (table.c.rule_id, table.c.tenant, table.c.group)
        found = conn.execute(select(*key).where(table.c.due <= now).distinct().limit(MOST_DUE)).all()
        for rule_id, tenant, group in found:
            rule, _, mark = rule_id.partition("\x1f")
            if self._marks.get(rule) == mark:
                yield self.get(Key(rule, tenant, group), specs[rule], {})
            else:  # its rule is gone, or another by now
                row = {"rule_id": rule_id, "tenant": tenant, "group": group}
                conn.execute(update(table).where(_same(table, row)).values(due=None, token=None))

    def save(self, now: int) -> None:
        """Write what has changed."""
        changed = [kept for kept in self._dirty.values() if kept.dirty]
        self._dirty.clear()
        if changed:
            self._write(changed, now)
        if self._new:
            self._bound()
            self._new = 0
        self._count()
        held = sum(len(kept.group.entries) for kept in self._cache.values())
        while held > MOST_IN_MEMORY and len(self._cache) > 1:
            _, kept = self._cache.popitem(last=False)
            held -= len(kept.group.entries)

    def _write(self, changed: list[Kept], now: int) -> None:
        """Write what has changed of some groups: one statement a kind of change, whatever their number."""
        added, settled, gone, headers = [], [], [], []
        for kept in changed:
            row = self._row(kept.key)
            added += [_entry_row(row, entry, due, token, self._keep) for entry, due, token in kept.added]
            settled += [{f"_{name}": value for name, value in row.items()} | {"_time": time} for time in kept.settled]
            gone += [
                {f"_{name}": value for name, value in row.items()} | {"_event_id": entry.event, "_slot": entry.slot}
                for entry in kept.group.prune(now)
            ]
            headers.append(row | _header(kept))
            self._dropped.update(late=kept.group.late, trimmed=kept.group.trimmed)
            kept.group.late = kept.group.trimmed = 0
            kept.added.clear()
            kept.settled.clear()
            kept.dirty = False
        conn, table = self._connection(), t.correlation_entry
        if added:
            conn.execute(upsert(conn, table).on_conflict_do_nothing(), added)
        if settled:
            conn.execute(update(table).where(_bound_to(table, settled[0])).values(due=None, token=None), settled)
        if gone:
            conn.execute(delete(table).where(_bound_to(table, gone[0])), gone)
        add = upsert(conn, t.correlation)
        fresh = {name: add.excluded[name] for name in ("body", "newest", "score")}
        conn.execute(add.on_conflict_do_update(index_elements=["rule_id", "tenant", "group"], set_=fresh), headers)

    def _count(self) -> None:
        """Add to the counters, which the api's metrics show."""
        for why, number in self._dropped.items():
            if number:
                add = upsert(self._connection(), t.counter).values(name=f"correlation.{why}", value=number)
                more = {"value": t.counter.c.value + add.excluded.value}
                self._connection().execute(add.on_conflict_do_update(index_elements=["name"], set_=more))
        self._dropped.clear()

    def _bound(self) -> None:
        conn, table = self._connection(), t.correlation
        count = conn.execute(select(func.count()).select_from(table)).scalar_one() - MOST_GROUPS
        if count <= 0:
            return
        key = (table.c.rule_id, table.c.tenant, table.c.group)
        worst = conn.execute(select(*key).order_by(table.c.score, table.c.newest).limit(count)).all()
        for rule_id, tenant, group in worst:
            row = {"rule_id": rule_id, "tenant": tenant, "group": group}
            conn.execute(delete(t.correlation_entry).where(_same(t.correlation_entry, row)))
            conn.execute(delete(table).where(_same(table, row)))
            self._cache.pop(Key(rule_id.partition("\x1f")[0], tenant, group), None)
        self.evicted += len(worst)
        self._dropped["evicted"] += len(worst)
        log.get().warning("correlation.evicted", groups=len(worst), total=self.evicted)


def _entry_row(
    row: dict[str, str], entry: Entry, due: int | None, token: Any, keep: Callable[[Any], bytes]
) -> dict[str, Any]:
    kept = None if due is None or token is None else keep(token)
    body = _encode((entry.values, entry.carried))
    return {
        **row,
        "event_id": entry.event,
        "slot": entry.slot,
        "time": entry.time,
        "body": body,
        "due": due,
        "token": kept,
    }


def _header(kept: Kept) -> dict[str, Any]:
    group = kept.group
    newest = group.entries[-1].time if group.entries else 0
    oldest = min([newest - 2 * (group.lateness + group.span), *group.waiting]) - group.span
    kept.cells = {cell for cell in kept.cells if (cell + 1) * group.span >= oldest}
    body = _encode({"values": kept.values, "cells": sorted(kept.cells)})
    return {"body": body, "newest": iso(from_micros(newest)), "score": len(group.entries)}


def _bound_to(table: Any, names: Mapping[str, Any]) -> Any:
    """Return a condition whose values are handed in with each of many rows."""
    return and_(*(table.c[name[1:]] == bindparam(name) for name in names))


def _same(table: Any, row: Mapping[str, str]) -> Any:
    return and_(*(table.c[name] == value for name, value in row.items()))


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
