"""What the routes use: built once by the runtime, found at ``request.app.state.deps``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hinomi.audit.seals import Seals
from hinomi.clock import Clock
from hinomi.events import EventStore
from hinomi.links import Links
from hinomi.playbooks.engine import Engine
from hinomi.settings import Settings
from hinomi.state import State


@dataclass(frozen=True)
class Deps:
    """The parts behind the API. ``rules()`` is the current RuleSet; ``store()`` opens the event store at first use."""

    settings: Settings
    state: State
    clock: Clock
    links: Links
    seals: Seals
    engine: Engine
    rules: Callable[[], Any]
    store: Callable[[], EventStore]
    poke: Callable[[], None]
