"""The state machine of one group of a correlation, in event time: pure, it neither stores nor asks the clock.

A window ends (or, where a rule must *not* follow, begins) at each entry's time, its two ends included: sliding, as
the specification wants. What more entries can only make truer fires at once, also for a window of the past that a
late entry completes; what they can make false waits for its window's end and the allowed lateness. So the windows
that fire are the same in whatever order entries come within that lateness, and each fires once.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any

from hinomi.detections.correlation.measures import Entry, Measure

MOST_ENTRIES = 5_000
_time = itemgetter(0)  # of an Entry, read by bisect in C


@dataclass(frozen=True)
class Clause:
    """One way in which a correlation comes true.

    ``forward``: the window begins at an entry of one of the ``anchors``, else it ends at any entry; ``waits``: until
    no entry in time can change it.
    """

    make: Callable[[], Measure]
    waits: bool = False
    forward: bool = False
    anchors: frozenset[int] | None = None


@dataclass(frozen=True)
class Fired:
    """One window in which a correlation is true, with what an outer one needs of its entries."""

    start: int
    end: int
    carried: tuple[tuple[tuple[str, Any], ...], ...]
    token: Any
    """What was handed in with the entry that it is about."""


class _Trail:
    """A window that moves over the entries, both ways, and measures as it goes."""

    def __init__(self, clause: Clause, span: int, entries: list[Entry]):
        self.clause, self._span, self._entries = clause, span, entries
        self.measure = clause.make()
        self._carried: Counter[tuple[tuple[str, Any], ...]] = Counter()
        self.low = self.high = 0
        self.start = self.end = -1

    def move(self, moment: int) -> None:
        """Go to the window at a moment; the work is what comes in and goes out."""
        start, end = (moment, moment + self._span) if self.clause.forward else (moment - self._span, moment)
        entries, low, high = self._entries, self.low, self.high
        if end < self.start or start > self.end or low == high:  # nothing in common
            self.measure = self.clause.make()
            self._carried.clear()
            low = high = bisect_left(entries, start, key=_time)
        while high < len(entries) and entries[high].time <= end:
            self._in(entries[high])
            high += 1
        while low and entries[low - 1].time >= start:
            low -= 1
            self._in(entries[low])
        while low < high and entries[low].time < start:
            self._out(entries[low])
            low += 1
        while low < high and entries[high - 1].time > end:
            high -= 1
            self._out(entries[high])
        self.low, self.high, self.start, self.end = low, high, start, end

    def _in(self, entry: Entry) -> None:
        self.measure.add(entry)
        if entry.carried:
            self._carried[entry.carried] += 1

    def _out(self, entry: Entry) -> None:
        self.measure.remove(entry)
        if entry.carried:
            self._carried[entry.carried] -= 1
            if not self._carried[entry.carried]:
                del self._carried[entry.carried]

    def inserted(self, at: int, entry: Entry) -> None:
        """Take note of an entry that was put in at an index."""
        if self.low < self.high and self.start <= entry.time <= self.end:
            self._in(entry)
            self.high += 1
        elif at <= self.low:
            self.low += 1
            self.high += 1

    def cut(self, count: int) -> None:
        """Take note that the first entries are gone."""
        for entry in self._entries[self.low : min(count, self.high)]:
            self._out(entry)
        self.low, self.high = max(self.low - count, 0), max(self.high - count, 0)

    def met_without(self, entry: Entry) -> bool:
        """Tell whether it would be met without an entry of its window."""
        self.measure.remove(entry)
        try:
            return self.measure.met()
        finally:
            self.measure.add(entry)

    def fired(self, token: Any) -> Fired:
        """Return this window as one that fires."""
        return Fired(self.start, self.end, tuple(self._carried), token)


@dataclass
class Group:
    """All entries of one group, and what waits. Times are microseconds."""

    span: int
    lateness: int
    clauses: tuple[Clause, ...]
    most: int = MOST_ENTRIES
    entries: list[Entry] = field(default_factory=list)
    waiting: dict[int, tuple[int, Any]] = field(default_factory=dict)
    """Moment of an entry → (when it is to be looked at, token)."""
    late: int = 0
    """Entries that came too late to count."""
    trimmed: int = 0
    """Entries that had to go though a window might have held them: there were too many."""

    def __post_init__(self) -> None:
        """Start from entries that were kept."""
        self._known = {(entry.event, entry.slot) for entry in self.entries}
        self._due = sorted((due, moment) for moment, (due, _) in self.waiting.items())
        self._trails = [_Trail(clause, self.span, self.entries) for clause in self.clauses]
        if self.entries:
            for trail in self._trails:
                trail.move(self.entries[-1].time)

    def add(
        self, entry: Entry, now: int, token: Any = None, settled: Callable[[int], bool] | None = None
    ) -> list[Fired] | None:
        """Take one entry; return the windows that fire by it, or None if it is known already or too late.

        Windows that end at a moment which is ``settled`` interest nobody any more: a flood is not looked at again.
        """
        if (entry.event, entry.slot) in self._known:
            return None
        if self.entries and entry.time < self._reference(now) - self.span - self.lateness:
            self.late += 1
            return None
        self._known.add((entry.event, entry.slot))
        at = bisect_left(self.entries, entry)
        insort(self.entries, entry)
        rising = []
        for trail in self._trails:
            trail.inserted(at, entry)
            if trail.clause.waits:
                self._wait(trail.clause, entry, now, token)
            else:
                rising.append(trail)
        if not rising:
            return []
        first = bisect_left(self.entries, entry.time, key=_time)
        last = bisect_right(self.entries, entry.time + self.span, key=_time)
        moments = sorted({other.time for other in self.entries[first:last]}, reverse=True)
        if settled is not None:
            moments = [moment for moment in moments if not settled(moment)]
        return sorted(self._completed(rising, moments, entry, token), key=lambda found: found.end) if moments else []

    def _completed(self, trails: list[_Trail], moments: list[int], entry: Entry, token: Any) -> Iterator[Fired]:
        """Yield the windows that end at the moments and are true with the entry, but were not without it."""
        entries = self.entries
        first = bisect_left(entries, entry.time, key=_time)
        for moment in moments:
            met = []
            for trail in trails:
                trail.move(moment)
                if trail.measure.met():
                    met.append(trail)
            if not met:
                continue
            alone = moment == entry.time and not any(
                other is not entry and other.time == moment for other in entries[first : first + 2]
            )
            if alone or not any(trail.met_without(entry) for trail in met):
                yield met[0].fired(token)
        for trail in trails:
            trail.move(entries[-1].time)

    def _wait(self, clause: Clause, entry: Entry, now: int, token: Any) -> None:
        if clause.anchors is not None and entry.slot not in clause.anchors:
            return
        end = entry.time + (self.span if clause.forward else 0)
        due = max(end, now) + self.lateness
        known = self.waiting.get(entry.time)
        if known is None or known[0] < due:
            self.waiting[entry.time] = (due, token if known is None else known[1])
            heappush(self._due, (due, entry.time))

    def ripe(self, now: int) -> list[Fired]:
        """Return the windows that fire now that no entry in time can change them any more."""
        moments = []
        while self._due and self._due[0][0] <= now:
            due, moment = heappop(self._due)
            if self.waiting.get(moment, (None,))[0] == due:  # else it waits longer, by an entry that came later
                moments.append(moment)
        fired: dict[tuple[int, int], Fired] = {}
        for moment in sorted(moments):
            _, token = self.waiting.pop(moment)
            for trail in self._trails:
                if not trail.clause.waits or not self._anchored(trail.clause, moment):
                    continue
                trail.move(moment)
                if trail.measure.met():
                    fired[trail.start, trail.end] = trail.fired(token)
        return sorted(fired.values(), key=lambda found: found.end)

    def _anchored(self, clause: Clause, moment: int) -> bool:
        if clause.anchors is None:
            return True
        first = bisect_left(self.entries, moment, key=_time)
        last = bisect_right(self.entries, moment, key=_time)
        return any(entry.slot in clause.anchors for entry in self.entries[first:last])

    def prune(self, now: int) -> list[Entry]:
        """Let go, and return, the entries that no window to come can hold, and the oldest of too many."""
        if not self.entries:
            return []
        keep = self._reference(now) - 2 * self.span - self.lateness
        if self.waiting:
            keep = min(keep, min(self.waiting) - self.span)
        old = bisect_left(self.entries, keep, key=_time)
        count = max(old, len(self.entries) - self.most)
        if count <= 0:
            return []
        self.trimmed += count - old
        gone = self.entries[:count]
        for trail in self._trails:
            trail.cut(count)
        del self.entries[:count]
        self._known.difference_update((entry.event, entry.slot) for entry in gone)
        for moment in {entry.time for entry in gone} & self.waiting.keys():
            del self.waiting[moment]
        return gone

    def _reference(self, now: int) -> int:
        """Return the newest time, but none that a wrong clock set far ahead."""
        return min(self.entries[-1].time, now + self.lateness)
