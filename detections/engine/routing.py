"""Which rules an event meets: those of its log sources, and of these the ones whose event id it can be."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hinomi.detections.engine.predicates import text_of
from hinomi.detections.fieldmap import Condition
from hinomi.event import Event

#: A field that most rules of a log source ask for one value of: it narrows their routes.
PINNED = "event.code"
BUCKETS = 10_000
SETS = 500
"""Different sets of rules that are remembered."""


class Route(msgspec.Struct, frozen=True):
    """One log source of a rule, by the rule's number; ``pinned``: the case-folded `PINNED` that it needs, if it does."""

    number: int
    condition: Condition
    pinned: Sequence[str] = ()


class Bucket:
    """The rules of one kind of event, and those of them that are candidates whatever stands in it."""

    __slots__ = ("always", "members")

    def __init__(self, members: Sequence[int], always: frozenset[int]):
        self.members = frozenset(members)
        self.always = self.members & always


class Router:
    """Buckets by the values of the fields that routes ask for; a bounded memo."""

    def __init__(self, routes: Sequence[Route], always: Sequence[int] = ()):
        """Take routes in the order of rules; ``always`` are candidates for every event of their bucket."""
        self._routes: dict[Condition, list[Route]] = {}
        for route in routes:
            self._routes.setdefault(tuple(sorted(route.condition)), []).append(route)
        self.keys = tuple(sorted({name for condition in self._routes for name, _ in condition} | {PINNED}))
        self._always = frozenset(always)
        self._memo: dict[tuple[Any, ...], Bucket] = {}
        self._listed: set[int] = set()
        self._same: dict[tuple[int, ...], Bucket] = {}

    def bucket(self, event: Event) -> Bucket:
        """Return the rules that this event meets."""
        values: list[Any] = [*map(event.get, self.keys)]
        for place in self._listed:
            if values[place].__class__ is list:
                values[place] = tuple(values[place])
        key = tuple(values)
        try:
            return self._memo.get(key) or self._new(key, event)
        except TypeError:
            lists = {place for place, value in enumerate(values) if value.__class__ is list}
            if lists:  # of a field that held none before
                self._listed |= lists
                return self.bucket(event)
            return self._bucket(event, pinned=False)  # an object where one word is expected

    def plain(self, event: Event) -> bool:
        """Tell whether the bucket follows from the values of `keys`: True, 1 and 1.0 are one key, and not one text."""
        return all(_plain(event.get(name)) for name in self.keys)

    def _new(self, key: tuple[Any, ...], event: Event) -> Bucket:
        plain = all(map(_plain, key))
        bucket = self._bucket(event, pinned=plain)
        if plain:  # True, 1 and 1.0 are one key, and not one text
            self._memo[key] = bucket
        return bucket

    def _bucket(self, event: Event, *, pinned: bool) -> Bucket:
        if len(self._same) > SETS:
            self._same.clear()
        if not self._same or len(self._memo) > BUCKETS:
            self._memo.clear()
        numbers = tuple(self._select(event, pinned=pinned))
        found = self._same.get(numbers)
        if found is None:
            found = self._same[numbers] = Bucket(numbers, self._always)
        return found

    def _select(self, event: Event, *, pinned: bool) -> list[int]:
        values = {name: words(event.get(name)) for name in self.keys}
        code = values[PINNED]
        return sorted(
            {
                route.number
                for condition, routes in self._routes.items()
                if meets(condition, values)
                for route in routes
                if not pinned or not route.pinned or not code.isdisjoint(route.pinned)
            }
        )


def _plain(value: Any) -> bool:
    values = value if isinstance(value, tuple | list) else () if value is None else (value,)
    return all(isinstance(item, str) for item in values)


def words(value: Any) -> frozenset[str]:
    """Return a field's values as routes ask for them; a missing one is the empty word."""
    items = value if isinstance(value, list) else () if value is None else (value,)
    return frozenset(text_of(item).casefold() for item in items) or frozenset({""})


def meets(condition: Condition, values: Mapping[str, frozenset[str]]) -> bool:
    """Tell whether a condition holds for the `words` of an event."""
    return all(value in values[name] for name, value in condition)
