"""One event against the rules of its bucket: candidates by their literals, then the exact predicate of each.

Two ways with the same answers: `LineMatcher` in pure Python over Hyperscan, and the native one
(`hinomi.detections.engine.native`). `hinomi.detections.engine.reference` is the plain meaning of both.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

import re2

from hinomi.detections.engine.joined import Compiler, Fast, Fields, Joined, Odd
from hinomi.detections.engine.plan import Plan
from hinomi.detections.engine.predicates import Node, Predicate, View, Virtual, build
from hinomi.detections.engine.routing import SETS, Bucket, Router
from hinomi.event import Event

if TYPE_CHECKING:
    from hinomi.detections.engine.linefilter import LineFilter

#: What a predicate may raise on an event: the rule is disabled, alone.
FAILURES = (ArithmeticError, ValueError, TypeError, KeyError, AttributeError, RecursionError, re2.error)
Tree = Callable[[int], Node]
#: Where a literal stands, if it may not stand anywhere, and the rules that it makes candidates.
Met = tuple[tuple[int, str] | None, frozenset[int]]
#: A bucket met so often is searched for its own rules' literals alone; so many buckets.
OFTEN, NARROW = 64, 32


class Matcher(Protocol):
    """Finds the rules, by number, that match an event. One thread at a time."""

    faults: list[tuple[int, str]]
    """(rule, reason) of those that failed since somebody took this list; they match nothing any more."""

    def match(self, event: Event) -> Sequence[int]:
        """Return the matching rules, ascending."""
        ...

    def prepare(self) -> None:
        """Make now what events would ask for first, so that none of them waits for it."""
        ...

    def remember(self, whether: bool) -> None:
        """Take the answers of events that had the same values, or ask anew for each; the answers are the same."""
        ...


class Exact:
    """The simple predicates of rules, made when first needed, and the rules that failed."""

    def __init__(self, tree: Tree, virtual: Virtual):
        self.tree, self.virtual = tree, virtual
        self.broken: set[int] = set()
        self.faults: list[tuple[int, str]] = []
        self._predicates: dict[int, Predicate] = {}

    def holds(self, number: int, view: View) -> bool:
        """Tell whether a rule matches; one that fails is disabled."""
        if number in self.broken:
            return False
        predicate = self._predicates.get(number)
        if predicate is None:
            predicate = self._predicates[number] = build(self.tree(number))
        try:
            return predicate(view)
        except FAILURES as error:
            self.broken.add(number)
            self.faults.append((number, f"failed on an event: {error}"))
            return False


class Search:
    """How a bucket's events are searched: as all are, until it is met often; then ``met`` has its own patterns."""

    __slots__ = ("find", "met", "seen")

    def __init__(self, find: Callable[[Event], Sequence[int]]):
        self.find = find
        self.met: list[list[Met]] | None = None
        self.seen = 0


class LineMatcher:
    """The matcher in pure Python."""

    def __init__(
        self, exact: Exact, router: Router, line_filter: "LineFilter", plan: Plan, weigh: Callable[[Node], float]
    ):  # fmt: skip
        self._exact, self._router, self._filter = exact, router, line_filter
        #: Rules that are asked without a text of theirs having been found.
        self._unmet = frozenset(plan.always) | frozenset(plan.common)
        self._fields = Fields(exact.virtual)
        self._compiler = Compiler(self._fields, weigh)
        self._all = self._places(line_filter)
        self._searches: dict[Bucket, Search] = {}
        self._narrow = 0
        self._fast: list[Fast | None] = [None] * len(plan.trees)
        self.faults = exact.faults

    def prepare(self) -> None:
        """Make every predicate."""
        for number in range(len(self._fast)):
            self._compile(number)

    def remember(self, whether: bool) -> None:
        """Nothing is remembered here."""

    def match(self, event: Event) -> Sequence[int]:
        """Return the matching rules, ascending."""
        bucket = self._router.bucket(event)
        if not bucket.members:
            return ()
        joined = Joined(event, self._fields)
        found: list[int] = []
        fast = self._fast
        for number in self._candidates(joined, bucket):
            try:
                if (fast[number] or self._compile(number))(joined) and number not in self._exact.broken:
                    found.append(number)
            except (Odd, *FAILURES):  # the plain predicate asks in another order, and may not fail
                if self._exact.holds(number, joined.view):
                    found.append(number)
        found.sort()
        return found

    def _candidates(self, joined: Joined, bucket: Bucket) -> Collection[int]:
        """Return the rules of which a literal stands where it must; one look spares all the rules that know it."""
        search = self._searches.get(bucket) or self._new(bucket)
        if search.met is None:
            self._narrowed(search, bucket)
        patterns = search.find(joined.event)
        if not patterns:
            return bucket.always
        candidates, members, met = set(bucket.always), bucket.members, search.met or self._all
        for pattern in patterns:
            for place, rules in met[pattern]:
                if met is self._all:
                    rules &= members
                if rules <= candidates:
                    continue
                try:
                    if place is None or place[1] in joined[place[0]]:
                        candidates |= rules
                except Odd:
                    candidates |= rules
        return candidates

    def _new(self, bucket: Bucket) -> "Search":
        if len(self._searches) >= SETS:
            self._searches.clear()
            self._narrow = 0
        search = self._searches[bucket] = Search(self._filter.search)
        return search

    def _narrowed(self, search: "Search", bucket: Bucket) -> None:
        """Give a bucket that is met often, one of a few, a search of its own."""
        search.seen += 1
        if search.seen == OFTEN and self._narrow < NARROW:
            self._narrow += 1
            own = self._filter.narrowed(bucket.members)
            search.find, search.met = own.search, self._places(own)

    def _places(self, line_filter: "LineFilter") -> list[list[Met]]:
        return [[(self._compiler.literal(literal), rules) for literal, rules in met] for met in line_filter.met]

    def _compile(self, number: int) -> Fast:
        predicate = self._fast[number] = self._compiler.compile(self._exact.tree(number), met=number not in self._unmet)
        return predicate
