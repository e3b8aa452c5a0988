"""The matcher with its inner loop in C (`_native*.c`): no line is written, values are searched where they lie.

The extension is optional: built with the package where a C compiler is. What it does not know itself (regular
expressions, networks, numbers, dates, virtual fields) it asks of the simple predicates.
"""

from collections.abc import Sequence
from functools import partial

import msgspec

from hinomi.detections.engine.matching import FAILURES, Exact
from hinomi.detections.engine.plan import Plan
from hinomi.detections.engine.predicates import UNSEARCHED, View, build, text_of
from hinomi.detections.engine.routing import Router
from hinomi.event import Event

try:
    from hinomi.detections.engine import _native
except ImportError:
    _native = None  # type: ignore[assignment]  # asked by `available`

_decode = msgspec.msgpack.decode


def available() -> bool:
    """Tell whether the extension was built."""
    return _native is not None


class NativeMatcher:
    """The matcher with its inner loop in C."""

    def __init__(self, exact: Exact, router: Router, plan: Plan):
        self._exact, self._router = exact, router
        self.faults = exact.faults
        trees, rules = plan.trees, len(plan.trees)
        # The extension is not seen by the collector: nothing that it holds may hold this matcher.
        size = (rules + 63) // 64 * 8
        told = partial(_told, exact, router, plan.reads, size)
        wide = _bits(frozenset(plan.wide), size)
        self._native = _native.Matcher(
            rules, lambda number: _decode(trees[number]), build, lambda event: View(event, exact.virtual),
            text_of, frozenset(UNSEARCHED), frozenset(exact.virtual), router.keys, told, wide,
        )  # fmt: skip
        for literal, numbers, at in zip(plan.literals, plan.numbers, plan.places, strict=True):
            self._native.literal(literal.fields, literal.how, literal.text, at, numbers)
        self._native.ready()
        self._match = self._native.match

    def prepare(self) -> None:
        """Make the conditions of all rules now, not when events first ask for them."""
        self._native.prepare()

    def remember(self, whether: bool) -> None:
        """Take the answers of events that had the same values, or ask anew for each."""
        self._native.remember(whether)

    def match(self, event: Event) -> Sequence[int]:
        """Return the matching rules, ascending."""
        try:
            found: Sequence[int] = self._match(event)
        except FAILURES:  # some rule failed: the simple predicates tell which
            view = View(event, self._exact.virtual)
            found = [number for number in sorted(self._router.bucket(event).members) if self._exact.holds(number, view)]
            self._native.forget()
        return found


def _told(
    exact: Exact, router: Router, reads: Sequence[Sequence[str]], size: int, event: Event
) -> tuple[bytes, bytes, bool, frozenset[str]]:  # fmt: skip
    """Tell which rules an event meets, which always are candidates, whether its key says it all, and what they read."""
    bucket = router.bucket(event)
    numbers = bucket.members - exact.broken
    read = frozenset(name for number in numbers for name in reads[number])
    return _bits(numbers, size), _bits(bucket.always - exact.broken, size), router.plain(event), read


def _bits(rules: frozenset[int], size: int) -> bytes:
    return sum(1 << number for number in rules).to_bytes(size, "little")
