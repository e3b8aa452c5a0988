"""All correlations of a rule set over hits from anywhere: the stream, a hunt, a file. It stores nothing itself."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice
from itertools import product as _product
from typing import Any, NamedTuple, Protocol

from hinomi.detections.correlation.measures import Entry
from hinomi.detections.correlation.spec import Spec, clauses, most_entries, values_of
from hinomi.detections.correlation.window import Fired, Group
from hinomi.hits import key_of

MOST_GROUPINGS = 16
"""Groups that one hit may fall into, where a field that is grouped by has several values."""
MOST_UNTIDY = 64
"""Entries of a group that may lie in memory though nothing needs them."""
LEAST_GROUPS = 10_000
"""Groups in memory before those are looked for that are over."""
MOST_CARRIED = 200
"""Different entries of a window that one occurrence hands to an outer correlation."""


class Record(NamedTuple):
    """One hit, or one occurrence of an inner correlation. ``scope`` is what is never correlated across."""

    scope: str
    time: int
    event: str
    fields: Mapping[str, Any]
    token: Any


class Key(NamedTuple):
    """A group of a correlation."""

    rule: str
    scope: str
    group: str


@dataclass
class Kept:
    """A group with what has changed of it since it was saved."""

    key: Key
    group: Group
    values: dict[str, Any]
    cells: set[int] = field(default_factory=set)
    """Spans of time for which a hit was given out: a flood gives one hit a span, whatever order it comes in."""
    added: list[tuple[Entry, int | None, Any]] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)
    dirty: bool = False
    tidied: int = 0
    """Entries that were left when it was last pruned."""

    def add(self, entry: Entry, now: int, token: Any, *, every: bool) -> list[Fired]:
        """Take an entry; return the windows that fire: every one, or those of spans that have no hit yet."""
        before = self.group.waiting.get(entry.time)
        fired = self.group.add(entry, now, token, None if every else self._given_out)
        if fired is None:
            self.dirty = self.dirty or self.group.late > 0
            return []
        after = self.group.waiting.get(entry.time)
        self.added.append((entry, after[0] if after and after != before else None, token if before is None else None))
        self.dirty = True
        return fired

    def _given_out(self, moment: int) -> bool:
        return moment // self.group.span in self.cells

    def ripe(self, now: int) -> list[Fired]:
        """Return the windows that need wait no longer."""
        before = set(self.group.waiting)
        fired = self.group.ripe(now)
        self.settled |= before - set(self.group.waiting)
        self.dirty = self.dirty or bool(self.settled)
        return fired

    def over(self, now: int) -> bool:
        """Tell whether no window to come can hold anything of it, where hits come in order of time."""
        group = self.group
        newest = group.entries[-1].time if group.entries else 0
        return not group.waiting and newest < now - 2 * group.span - group.lateness


class Found(NamedTuple):
    """A window in which a correlation is true; ``first`` of its group and span of time, which share an id."""

    rule: str
    id: str
    fired: Fired
    values: dict[str, Any]
    first: bool


class Groups(Protocol):
    """Where groups are."""

    def get(self, key: Key, spec: Spec, values: dict[str, Any]) -> Kept:
        """Return a group, new if there is none."""
        ...


class Memory:
    """Groups that live as long as the process: of a hunt, of a file."""

    def __init__(self, lateness: int):
        """Start with none."""
        self._lateness = lateness
        self._kept: dict[Key, Kept] = {}
        self._touched: dict[Key, Kept] = {}
        self._due: list[tuple[int, Key]] = []
        self._most = LEAST_GROUPS

    def __len__(self) -> int:
        """Return how many groups there are."""
        return len(self._kept)

    def get(self, key: Key, spec: Spec, values: dict[str, Any]) -> Kept:
        """Return a group, new if there is none."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = Kept(key, new_group(spec, self._lateness), values)
        self._touched[key] = kept
        return kept

    def due(self, now: int) -> Iterator[Kept]:
        """Yield the groups in which something waits no longer, the longest waiting first; also those that this makes."""
        self.tidy(now)
        while self._due and self._due[0][0] <= now:
            kept = self._kept.get(heappop(self._due)[1])
            if kept is not None:
                yield kept
            self.tidy(now)

    def tidy(self, now: int) -> None:
        """Note what waits, and let go what no window can hold any more."""
        for key, kept in self._touched.items():
            for _, due, _ in kept.added:
                if due is not None:
                    heappush(self._due, (due, key))
            kept.added.clear()
            if len(kept.group.entries) > 2 * kept.tidied + MOST_UNTIDY:
                kept.group.prune(now)
                kept.tidied = len(kept.group.entries)
        self._touched.clear()
        if len(self._kept) > self._most:
            self._kept = {key: kept for key, kept in self._kept.items() if not kept.over(now)}
            self._most = max(LEAST_GROUPS, 2 * len(self._kept))


def new_group(
    spec: Spec, lateness: int, entries: Iterable[Entry] = (), waiting: Mapping[int, tuple[int, Any]] | None = None
) -> Group:
    """Return a group's state machine, from what was kept of it."""
    return Group(
        spec.seconds * 1_000_000, lateness, clauses(spec), most_entries(spec), sorted(entries), dict(waiting or {})
    )


class Machine:
    """Feeds groups, and outer correlations with what inner ones find."""

    def __init__(self, specs: Mapping[str, Spec], groups: Groups, *, every: bool = False):
        """Take resolved correlations by id; ``every``: yield all windows, not only what is needed of them."""
        self.specs, self.groups, self._every = specs, groups, every
        self._by_rule: dict[str, list[tuple[str, int]]] = {}
        for name, spec in specs.items():
            for number, slot in enumerate(spec.slots):
                self._by_rule.setdefault(slot.rule, []).append((name, number))

    def wants(self, rule: str) -> bool:
        """Tell whether any correlation refers to a rule."""
        return rule in self._by_rule

    def feed(self, rule: str, record: Record, now: int) -> Iterator[Found]:
        """Take one hit of a rule; yield what comes true."""
        for name, slot in self._by_rule.get(rule, ()):
            spec = self.specs[name]
            read = {asked: _first(record.fields, names) for asked, names in spec.slots[slot].fields.items()}
            carried = tuple((asked, _frozen(read[asked])) for asked in spec.carry if read[asked] is not None)
            entry = Entry(record.time, record.event, slot, values_of(spec, read), carried)
            for values in _groupings(spec, read):
                key = Key(name, record.scope, key_of("\x1f".join(str(value).casefold() for value in values)))
                kept = self.groups.get(key, spec, dict(zip(spec.group_by, values, strict=True)))
                every = self._every or self.wants(name)
                yield from self._came_true(kept, kept.add(entry, now, record.token, every=every), now)

    def ripe(self, kept: Kept, now: int) -> Iterator[Found]:
        """Look at what waits in a group."""
        yield from self._came_true(kept, kept.ripe(now), now)

    def _came_true(self, kept: Kept, fired: Sequence[Fired], now: int) -> Iterator[Found]:
        key = kept.key
        span = self.specs[key.rule].seconds * 1_000_000
        for window in fired:
            cell = window.end // span
            yield Found(key.rule, _digest(*key, cell), window, kept.values, cell not in kept.cells)
            kept.cells.add(cell)
            if not self.wants(key.rule):
                continue
            event = _digest(*key, window.start, window.end)
            for carried in islice(reversed(window.carried or ((),)), MOST_CARRIED):
                fields = {**dict(carried), **kept.values}
                yield from self.feed(key.rule, Record(key.scope, window.end, event, fields, window.token), now)


def _digest(*parts: Any) -> str:
    return hashlib.blake2b("\x1e".join(map(str, parts)).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        value = fields.get(name)
        if value is not None and value != [] and value != ():
            return list(value) if isinstance(value, tuple) else value
    return None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _groupings(spec: Spec, read: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the groups of a hit: one, several where a field has several values, none where one is missing."""
    choices = [value if isinstance(value := read[name], list) else [value] for name in spec.group_by]
    if any(choice == [None] for choice in choices):
        return
    yield from islice(_product(*choices), MOST_GROUPINGS)
