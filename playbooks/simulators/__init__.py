"""What the vendors' simulators share: command line, second door, journal, limits, faults.

A product's own part is ``vendors/<product>/simulator.py``: what it answers, written from its vendor's pages. It hands a
`Simulated` to `running.run`. Simulators are used by tests, the demo and drills; nothing here is imported by an adapter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import ASGIApp

from hinomi.playbooks.simulators.faults import Faults


class World(Protocol):
    """What a simulated tenant knows, as its players reach it through the second door."""

    words: Mapping[str, str]
    """Our word for an action (endpoint.isolate …) → the product's own."""
    faults: Faults

    def add_machine(self, item: dict[str, Any]) -> dict[str, Any]:
        """Add a machine (id, computerDnsName); what is not given is made up. The answer has its ``id``."""
        ...

    def add_alert(self, item: dict[str, Any]) -> dict[str, Any]:
        """Add an alert (machineId, title), or a new version of one with the same id."""
        ...

    def portal(self, machine: str, action: str) -> dict[str, Any]:
        """Do what an administrator does in the product's console; the answer has its ``id``."""
        ...

    def cancel(self, item: Mapping[str, Any]) -> bool:
        """Withdraw an action (id, or machine and action) as an administrator does; tell whether it could be."""
        ...

    def state(self) -> dict[str, Any]:
        """Return {isolated: machine ids, actions: [{id, type, status, machineId, creationDateTimeUtc}], alerts: how many}."""
        ...


@dataclass(frozen=True)
class Simulated:
    """One product, ready to be served."""

    app: ASGIApp
    world: World
    settings: Callable[[str], dict[str, Any]]
    """Address → what stands in the product's table of the settings."""
    comments: frozenset[str]
    """The actions with which the product keeps a comment of whoever asks for them."""
