"""What a report may take from the event store: asked when it is built, outside of what its author writes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from hinomi.clock import parse_iso
from hinomi.events import EventStore
from hinomi.events.coverage import Coverage
from hinomi.reports.facts import Facts
from hinomi.reports.model import Section


class Findings(Protocol):
    """What was found."""

    def facts(self) -> dict[str, Any]:
        """Return what the incident learns from it; ``file_class`` raises its class."""
        ...


#: (event store, facts, source → seconds after which it is silent) → findings; None where there is nothing to ask for.
Look = Callable[[EventStore, Facts, Mapping[str, float]], Findings | None]


def occurred(facts: Facts) -> datetime:
    """Return when it happened, as far as anybody has said; else when the incident was opened."""
    return parse_iso(str(facts.incident["facts"].get("occurred_at") or facts.incident["opened_at"]))


def coverage_section(coverage: Coverage | None) -> Section:
    """Return what was looked at, and what was not there to be looked at."""
    if coverage is None:
        return Section(title="調べた範囲", notes=["対象を特定できないため、記録を調べていません。"])
    return Section(title="調べた範囲", notes=coverage.lines())
