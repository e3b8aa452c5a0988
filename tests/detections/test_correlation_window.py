"""The state machine of one group against a reckoning from nothing, in any order of arrival, with repeats and restarts."""

import statistics
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hinomi.detections.correlation.measures import OPERATORS, Entry
from hinomi.detections.correlation.spec import Spec, clauses
from hinomi.detections.correlation.window import Group

SPAN, FOREVER = 10, 1 << 40
RULES = ["a", "b", "c"]


def spec(kind: str, **more: Any) -> Spec:
    return Spec(type=kind, rules=RULES, seconds=SPAN, **more)


SPECS = [
    spec("event_count", limits={"gte": 4}), spec("event_count", limits={"lt": 3}), spec("event_count", limits={"gt": 2, "lte": 4}),
    spec("event_count", limits={"neq": 2}), spec("value_count", limits={"gte": 3}), spec("value_count", limits={"eq": 2}),
    spec("temporal", limits={"gte": 3}), spec("temporal", limits={"lt": 2}), spec("temporal_ordered", limits={"gte": 3}),
    spec("temporal_ordered", limits={"gte": 2}), spec("temporal_ordered", limits={"eq": 1}), spec("value_sum", limits={"gte": 9}),
    spec("value_avg", limits={"gt": 2.5}), spec("value_percentile", limits={"gte": 3}, percentile=75), spec("value_median", limits={"lt": 2}, percentile=50),
    spec("temporal", terms=[([0, 1], [])]), spec("temporal", terms=[([0], []), ([1, 2], [])]), spec("temporal", terms=[([0], [1])]),
    spec("temporal", terms=[([0, 2], [1]), ([1, 2], [])]), spec("temporal_ordered", terms=[([0, 1, 2], [])]),
]  # fmt: skip


def number(spec: Spec, window: list[Entry]) -> Fraction | int | None:
    """Return what a correlation counts, from nothing."""
    if spec.type == "event_count":
        return len({entry.event for entry in window})
    if spec.type == "value_count":
        return len({value for entry in window for value in entry.values})
    if spec.type == "temporal":
        return len({entry.slot for entry in window})
    if spec.type == "temporal_ordered":
        chains = (picked for size in (3, 2, 1) for picked in combinations(sorted(window), size))
        return next((len(chain) for chain in chains if _rises(chain)), 0)
    numbers: list[int] = [value for _, value in {(entry.event, value) for entry in window for value in entry.values}]
    if not numbers:
        return None
    if spec.type == "value_sum":
        return sum(numbers)
    if spec.type == "value_avg":
        return Fraction(sum(numbers), len(numbers))
    if spec.type == "value_median":
        return Fraction(statistics.median(numbers))
    numbers.sort()
    place = Fraction((len(numbers) - 1) * 75, 100)
    low = int(place)
    return numbers[low] + (numbers[min(low + 1, len(numbers) - 1)] - numbers[low]) * (place - low)


def _rises(chain: tuple[Entry, ...]) -> bool:
    return all(one.time < two.time and one.slot < two.slot for one, two in pairwise(chain))


def wanted(spec: Spec, entries: list[Entry]) -> set[tuple[int, int]]:
    """Return the windows in which a correlation is true."""
    found = set()
    for moment in {entry.time for entry in entries}:
        before = [entry for entry in entries if moment - SPAN <= entry.time <= moment]
        if spec.terms is None:
            count = number(spec, before)
            if count is not None and all(OPERATORS[sign](count, limit) for sign, limit in spec.limits.items()):
                found.add((moment - SPAN, moment))
            continue
        after = [entry for entry in entries if moment <= entry.time <= moment + SPAN]
        for yes, no in spec.terms:
            window = after if no else before
            anchored = not no or any(entry.time == moment and entry.slot in yes for entry in entries)
            there = {entry.slot for entry in window}
            ordered = spec.type != "temporal_ordered" or any(
                _rises(chain) and [entry.slot for entry in chain] == yes
                for chain in combinations(sorted(window), len(yes))
            )
            if anchored and set(yes) <= there and not set(no) & there and ordered:
                found.add((moment, moment + SPAN) if no else (moment - SPAN, moment))
    return found


ENTRY = st.builds(
    Entry,
    time=st.integers(0, 40),
    event=st.integers(0, 9).map(str),
    slot=st.integers(0, 2),
    values=st.lists(st.integers(0, 5), max_size=2).map(tuple),
    carried=st.just(()),
)


def whole(entries: list[Entry]) -> list[Entry]:
    """Let an event have one time, and one value in all its rules, as events have."""
    first = {entry.event: entry for entry in reversed(entries)}
    made = {(entry.event, entry.slot): first[entry.event]._replace(slot=entry.slot) for entry in entries}
    return list(made.values())


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SPECS), st.lists(ENTRY, max_size=14).map(whole), st.data())
def test_every_true_window_fires_once_in_any_order(spec: Spec, entries: list[Entry], data: st.DataObject) -> None:
    group = Group(SPAN, FOREVER, clauses(spec))
    fired: list[tuple[int, int]] = []
    restarts = data.draw(st.sets(st.integers(0, 14), max_size=2))
    for place, entry in enumerate(data.draw(st.permutations(entries))):
        if place in restarts:
            group = Group(SPAN, FOREVER, clauses(spec), entries=list(group.entries), waiting=dict(group.waiting))
        fired += [(found.start, found.end) for found in group.add(entry, 0) or ()]
        assert group.add(entry, 0) is None  # the same again
        assert group.ripe(FOREVER - 1) == []
    fired += [(found.start, found.end) for found in group.ripe(3 * FOREVER)]
    assert sorted(fired) == sorted(wanted(spec, entries))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SPECS), st.lists(ENTRY, max_size=14).map(whole))
def test_what_is_let_go_was_not_needed(spec: Spec, entries: list[Entry]) -> None:
    group = Group(SPAN, 5, clauses(spec))
    fired = []
    for entry in sorted(entries):
        fired += group.ripe(entry.time)
        fired += group.add(entry, entry.time) or []
        group.prune(entry.time)
    fired += group.ripe(FOREVER)
    assert {(found.start, found.end) for found in fired} == wanted(spec, entries)
    assert len(fired) == len({(found.start, found.end) for found in fired})


def test_a_window_that_slides_over_many_entries_costs_little_a_hit() -> None:
    adds = 0

    class Counting:
        def add(self, entry: Entry) -> None:
            nonlocal adds
            adds += 1

        def remove(self, entry: Entry) -> None:
            nonlocal adds
            adds += 1

        def met(self) -> bool:
            return False

    (clause,) = clauses(spec("event_count", limits={"gte": 4}))
    group = Group(1000, 10, (type(clause)(Counting),))
    for n in range(5000):
        group.add(Entry(n + (-3 if n % 2 else 0), str(n), 0), n)
        group.prune(n)
    assert adds < 5000 * 12
