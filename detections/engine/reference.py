"""The plain meaning of a set of rules: every predicate of an event's log sources, one by one. For tests and explanations."""

from collections.abc import Sequence

from hinomi.detections.engine.matching import Exact
from hinomi.detections.engine.predicates import View
from hinomi.detections.engine.routing import Route, meets, words
from hinomi.event import Event


class ReferenceMatcher:
    """The matcher that everything else must agree with."""

    def __init__(self, exact: Exact, routes: Sequence[Route]):
        self._exact, self._routes = exact, routes
        self.faults = exact.faults

    def match(self, event: Event) -> Sequence[int]:
        """Return the matching rules, ascending."""
        values = {name: words(event.get(name)) for route in self._routes for name, _ in route.condition}
        numbers = sorted({route.number for route in self._routes if meets(route.condition, values)})
        view = View(event, self._exact.virtual)
        return [number for number in numbers if self._exact.holds(number, view)]
