"""What a correlation counts in a window, kept up to date as entries come in and go out of it.

Specification: Sigma correlation rules 2.1.0, "Correlation types"; value_median and conditions on temporal are
pySigma's. Each has ``add``, ``remove`` (cheap, whatever the window holds) and ``met``.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple, Protocol

Number = int | float | Fraction
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le, "eq": eq, "neq": ne}


class Entry(NamedTuple):
    """One hit in a group: microseconds of its event's time, event id, which of the rules, what counts of it.

    ``values`` are what the correlation counts (texts without case, or numbers); ``carried`` what an outer
    correlation needs of it.
    """

    time: int
    event: str
    slot: int
    values: tuple[Any, ...] = ()
    carried: tuple[tuple[str, Any], ...] = ()


class Measure(Protocol):
    """What is counted in one window."""

    def add(self, entry: Entry) -> None:
        """Take an entry in."""

    def remove(self, entry: Entry) -> None:
        """Let one go that was taken in."""

    def met(self) -> bool:
        """Tell whether the condition is true now."""
        ...


class _Bounded:
    """A number compared with every limit of the condition; none: no comparison is true."""

    def __init__(self, limits: Mapping[str, Number]):
        self._limits = [(OPERATORS[sign], limit) for sign, limit in limits.items()]

    def _number(self) -> Number | None:
        raise NotImplementedError

    def met(self) -> bool:
        number = self._number()
        return number is not None and all(test(number, limit) for test, limit in self._limits)


class _Distinct(_Bounded):
    """How many different things there are; subclasses say which."""

    def __init__(self, limits: Mapping[str, Number]):
        super().__init__(limits)
        self._seen: Counter[Any] = Counter()

    def _things(self, entry: Entry) -> tuple[Any, ...]:
        raise NotImplementedError

    def add(self, entry: Entry) -> None:
        for thing in self._things(entry):
            self._seen[thing] += 1

    def remove(self, entry: Entry) -> None:
        for thing in self._things(entry):
            if self._seen[thing] > 1:
                self._seen[thing] -= 1
            else:
                del self._seen[thing]

    def _number(self) -> Number | None:
        return len(self._seen)


class Events(_Distinct):
    """event_count: an event that two rules matched counts once."""

    def _things(self, entry: Entry) -> tuple[Any, ...]:
        return (entry.event,)


class Values(_Distinct):
    """value_count: different values, without case."""

    def _things(self, entry: Entry) -> tuple[Any, ...]:
        return entry.values


class Kinds(_Distinct):
    """temporal: different rules."""

    def _things(self, entry: Entry) -> tuple[Any, ...]:
        return (entry.slot,)


class _Numbers(_Bounded):
    """Numbers of events; the same number of one event counts once, whichever rules matched it."""

    def __init__(self, limits: Mapping[str, Number]):
        super().__init__(limits)
        self._seen: Counter[tuple[str, Number]] = Counter()

    def add(self, entry: Entry) -> None:
        for number in entry.values:
            self._seen[entry.event, number] += 1
            if self._seen[entry.event, number] == 1:
                self._take(number)

    def remove(self, entry: Entry) -> None:
        for number in entry.values:
            self._seen[entry.event, number] -= 1
            if not self._seen[entry.event, number]:
                del self._seen[entry.event, number]
                self._drop(number)

    def _take(self, number: Number) -> None:
        raise NotImplementedError

    def _drop(self, number: Number) -> None:
        raise NotImplementedError


class Total(_Numbers):
    """value_sum, exact however often numbers come and go."""

    def __init__(self, limits: Mapping[str, Number]):
        super().__init__(limits)
        self.total: Number = 0
        self.count = 0

    def _take(self, number: Number) -> None:
        self.total += Fraction(number) if isinstance(number, float) else number
        self.count += 1

    def _drop(self, number: Number) -> None:
        self.total -= Fraction(number) if isinstance(number, float) else number
        self.count -= 1

    def _number(self) -> Number | None:
        return self.total if self.count else None


class Average(Total):
    """value_avg."""

    def _number(self) -> Number | None:
        return Fraction(self.total) / self.count if self.count else None


class Percentile(_Numbers):
    """value_percentile and value_median, between two values linearly."""

    def __init__(self, limits: Mapping[str, Number], percentile: Number):
        super().__init__(limits)
        self._share = Fraction(percentile) / 100
        self._sorted: list[Number] = []

    def _take(self, number: Number) -> None:
        insort(self._sorted, number)

    def _drop(self, number: Number) -> None:
        del self._sorted[bisect_left(self._sorted, number)]

    def _number(self) -> Number | None:
        if not self._sorted:
            return None
        place = (len(self._sorted) - 1) * self._share
        low = int(place)
        below, above = self._sorted[low], self._sorted[min(low + 1, len(self._sorted) - 1)]
        return Fraction(below) + (Fraction(above) - Fraction(below)) * (place - low)


class _Times:
    """The times of each rule's entries."""

    def __init__(self, slots: int):
        self.times: list[list[int]] = [[] for _ in range(slots)]

    def add(self, entry: Entry) -> None:
        insort(self.times[entry.slot], entry.time)

    def remove(self, entry: Entry) -> None:
        times = self.times[entry.slot]
        del times[bisect_left(times, entry.time)]

    def after(self, slot: int, moment: int | None) -> int | None:
        """Return the first time of a rule after a moment, None if there is none."""
        times = self.times[slot]
        at = 0 if moment is None else bisect_right(times, moment)
        return times[at] if at < len(times) else None


class Sequence(_Times, _Bounded):
    """temporal_ordered: how many of the rules came one after the other, in the order of the list."""

    def __init__(self, limits: Mapping[str, Number], slots: int):
        _Times.__init__(self, slots)
        _Bounded.__init__(self, limits)

    def _number(self) -> Number | None:
        best: list[int | None] = [None]  # length → when the earliest chain of it ends
        for slot in range(len(self.times)):
            for length in range(len(best) - 1, -1, -1):
                ends = self.after(slot, best[length])
                if length + 1 == len(best):
                    if ends is not None:
                        best.append(ends)
                elif ends is not None:
                    known = best[length + 1]
                    best[length + 1] = ends if known is None else min(known, ends)
        return len(best) - 1


class Term(_Times):
    """A condition on temporal, one way to fulfil it: these rules (in order, if asked), and none of those."""

    def __init__(self, slots: int, wanted: tuple[int, ...], unwanted: tuple[int, ...], *, ordered: bool):
        super().__init__(slots)
        self._wanted, self._unwanted, self._ordered = wanted, unwanted, ordered

    def met(self) -> bool:
        """Tell whether what is wanted is there, and nothing that is not."""
        if any(self.times[slot] for slot in self._unwanted):
            return False
        if not self._ordered:
            return all(self.times[slot] for slot in self._wanted)
        moment = None
        for slot in self._wanted:
            moment = self.after(slot, moment)
            if moment is None:
                return False
        return True
