"""The composition root: builds the parts from settings and hands them to each other."""

import socket
from dataclasses import dataclass

from sqlalchemy import Connection

from hinomi.api.deps import Deps
from hinomi.audit.seals import Seals
from hinomi.clock import Clock, SystemClock
from hinomi.detections import Rules, RuleSet
from hinomi.detections import load as load_rules
from hinomi.detections.packs import keeping
from hinomi.directory import Directory
from hinomi.directory import load as load_directory
from hinomi.errors import Faults, HinomiError
from hinomi.events import EventStore, open_store
from hinomi.links import Links
from hinomi.playbooks.channels import Channel, Room, channels
from hinomi.playbooks.channels.marked import marked
from hinomi.playbooks.engine import Engine
from hinomi.playbooks.vendors import Adapter, vendors
from hinomi.reports.builder import Builder
from hinomi.runtime.fence import fence
from hinomi.runtime.folders import Folders
from hinomi.runtime.wake import poke
from hinomi.settings import Settings
from hinomi.state import State


@dataclass(frozen=True)
class Core:
    """What the responder and the api share in kind (each process builds its own)."""

    settings: Settings
    clock: Clock
    state: State
    links: Links
    engine: Engine


def build_adapters(settings: Settings) -> dict[str, Adapter]:
    """Make an adapter for each vendor in the settings.

    Raises:
        Faults: Naming every vendor table that cannot be used.
    """
    made: dict[str, Adapter] = {}
    faults: list[HinomiError] = []
    for name, table in settings.vendors.items():
        try:
            made[name] = vendors.get(str(table.get("product", name)))(
                {k: v for k, v in table.items() if k != "product"}
            )
        except HinomiError as error:
            faults.append(HinomiError(f"[vendors.{name}]: {error}", where=settings.file, hint=error.hint))
    if faults:
        raise Faults(faults)
    return made


def build_channels(settings: Settings) -> dict[str, Channel | Room]:
    """Make every channel that the settings configure; in a drill, what goes through them is marked.

    Raises:
        UnknownComponentError: If there is no channel of a table's name.
    """
    for name in settings.channels:
        channels.get(name)
    made = ((name, make(settings)) for name, make in channels)
    found = {name: channel for name, channel in made if channel is not None}
    return {name: marked(channel) for name, channel in found.items()} if settings.drill.on else found


def _directory(conn: Connection) -> Directory:
    return load_directory(conn)


def build_core(settings: Settings, clock: Clock | None = None) -> Core:
    """Open the state store (bringing it to the newest revision) and build the engine."""
    fence(settings)
    clock = clock or SystemClock()
    state = State(settings.state_url)
    state.migrate()
    with state.read() as conn:
        keeping.publish(settings.data, conn, clock.now())
    links = Links(settings.data)
    engine = Engine(
        settings, links, _directory, build_adapters(settings), build_channels(settings), Builder(settings, state)
    )
    return Core(settings, clock, state, links, engine)


def owner_of(settings: Settings) -> str:
    """Return who carries effects out: this data folder, whose lock lets one do so; a restart goes on as the same."""
    return f"{socket.gethostname()}:{settings.data}"


class _LazyStore:
    """Opens the event store read-only at first use: most commands never need it."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._store: EventStore | None = None

    def __call__(self) -> EventStore:
        self._store = self._store or open_store(self._settings)
        return self._store


def build_deps(core: Core) -> Deps:
    """Build what the api's routes use."""
    settings = core.settings
    loaded: list[Rules] = []

    def current_rules() -> RuleSet:
        if not loaded:
            loaded.append(load_rules(settings))
        return loaded[0].current()

    return Deps(
        settings=settings,
        state=core.state,
        clock=core.clock,
        links=core.links,
        seals=Seals(settings.data),
        engine=core.engine,
        rules=current_rules,
        store=_LazyStore(settings),
        poke=lambda: poke(Folders(settings.data).run, "responder"),
    )
