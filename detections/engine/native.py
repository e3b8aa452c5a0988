"""The matcher with its inner loop in C (`_native.c`): no line is written, values are searched where they lie.

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
    _native = None  # type: ignore[assignment]

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
        told = partial(_told, exact, router, (rules + 63) // 64 * 8)
        self._native = _native.Matcher(
            rules, lambda number: _decode(trees[number]), build, lambda event: View(event, exact.virtual),
            text_of, frozenset(UNSEARCHED), frozenset(exact.virtual), router.keys, told,
        )  # fmt: skip
        for literal, numbers, at in zip(plan.literals, plan.numbers, plan.places, strict=True):
            self._native.literal(literal.fields, literal.how, literal.text, at, numbers)
        self._native.ready()
        self._match = self._native.match

    def match(self, event: Event) -> Sequence[int]:
        """Return the matching rules, ascending."""
        try:
            found: Sequence[int] = self._match(event)
        except FAILURES:  # some rule failed: the simple predicates tell which
            view = View(event, self._exact.virtual)
            found = [number for number in sorted(self._router.bucket(event).members) if self._exact.holds(number, view)]
            self._native.forget()
        return found


def _told(exact: Exact, router: Router, size: int, event: Event) -> tuple[bytes, bytes, bool]:
    """Tell which rules an event meets, which of them always are candidates, and whether its key says it all."""
    bucket = router.bucket(event)
    members, always = (_bits(rules - exact.broken, size) for rules in (bucket.members, bucket.always))
    return members, always, router.plain(event)


def _bits(rules: frozenset[int], size: int) -> bytes:
    return sum(1 << number for number in rules).to_bytes(size, "little")
