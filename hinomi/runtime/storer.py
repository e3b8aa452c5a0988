"""Commit D: the storer reads the spool once more and writes the event store, behind detection.

It takes only blocks that are detected, with the directory version they were detected with, and never
holds detection up: when the store is away it waits, and the spool is the buffer.
"""

import time
from dataclasses import dataclass, field

import msgspec
from sqlalchemy.exc import OperationalError

from hinomi import log
from hinomi.clock import SystemClock, iso
from hinomi.collectors.reading import Reader
from hinomi.directory import Directory
from hinomi.directory import load as load_directory
from hinomi.errors import HinomiError
from hinomi.event import Block, Event
from hinomi.events import EventStore, Flush
from hinomi.runtime.damage import sound
from hinomi.runtime.failpoint import hit as failpoint
from hinomi.runtime.folders import SPOOL_LANES, Folders
from hinomi.runtime.worker import Detected, detected_of
from hinomi.settings import Settings
from hinomi.spool import Log, save_position
from hinomi.state import State

_block = msgspec.msgpack.Decoder(Block).decode
FLUSH_BYTES = 16 << 20
LONGEST_PAUSE = 10.0
"""Seconds between two tries at a store that is away: so soon after its return it is written again."""


def pause_after(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row."""
    return float(min(LONGEST_PAUSE, 0.5 * 2 ** min(failures, 10)))


@dataclass
class Lane:
    """One lane of a partition as the storer sees it: what is stored, and what is read and not yet stored."""

    partition: str
    name: str
    app_id: str
    stored: int
    read: int
    blocks: list[tuple[int, list[Event]]] = field(default_factory=list)
    events: int = 0
    bytes: int = 0
    since: float = 0.0
    failures: int = 0
    not_before: float = 0.0


@dataclass
class Partition:
    """One partition's logs and lanes."""

    name: str
    spool: Log
    hits: Log
    lanes: list[Lane]


class Storer:
    """Writes all partitions into one event store; holds its writer's lock."""

    def __init__(self, settings: Settings, names: list[str], state: State, store: EventStore):
        """Open the logs, which must be there already."""
        self.settings, self.state, self.store = settings, state, store
        self.folders = Folders(settings.data)
        self.reader = Reader(settings)
        self.partitions = [self._open(name) for name in names]
        self._directories: dict[int, Directory] = {}
        self._maintained = time.monotonic()

    def _open(self, name: str) -> Partition:
        spool, hits = Log(self.folders.spool(name)), Log(self.folders.hits(name))
        app_ids = {lane: f"{spool.id}:{name}:{lane}" for lane in SPOOL_LANES}
        stored = {lane: self.store.position(app_id) for lane, app_id in app_ids.items()}
        lanes = [Lane(name, lane, app_id, stored[lane], stored[lane]) for lane, app_id in app_ids.items()]
        return Partition(name, spool, hits, lanes)

    def step(self) -> bool:
        """Read what is detected and flush what is due; return whether there may be more at once."""
        more = False
        for partition in self.partitions:
            detected = detected_of(partition.hits, partition.spool)
            for lane in partition.lanes:
                more = self._fill(partition, lane, detected[lane.name]) or more
                if self._due(lane):
                    self._flush(partition, lane)
        if time.monotonic() - self._maintained > 3600:
            self._maintained = time.monotonic()
            self._keep_house()
        return more

    def _keep_house(self) -> None:
        try:
            self.store.maintain()
            self.store.expire(iso(SystemClock().now()), self._retention())
        except (OSError, HinomiError) as error:
            log.get().error("storer.housekeeping_failed", error=str(error))  # again in an hour

    def _retention(self) -> dict[str, int]:
        classes = {str(self.settings.store.retention_days): self.settings.store.retention_days}
        for source in self.settings.sources.values():
            if source.retention_days:
                classes[str(source.retention_days)] = source.retention_days
        return classes

    def _fill(self, partition: Partition, lane: Lane, detected: Detected) -> bool:
        if lane.events >= 2 * self.settings.store.flush_events:
            return False  # the store is away: what is read already waits in memory, the rest in the spool
        rows = partition.spool.read(lane.read, lane=lane.name, limit=16, upto=detected.seq)
        for row in rows:
            block = sound(partition.spool, row, _block)
            try:
                directory = self._directory(detected.version_of(row.seq))
            except OperationalError as error:  # the state store is away: what is not read yet waits in the spool
                log.get().error("storer.state_away", error=str(error))
                return False
            events = self.reader.read_block(block, directory) if block else []
            if not lane.blocks:
                lane.since = time.monotonic()
            lane.blocks.append((row.seq, events))
            lane.events += len(events)
            lane.bytes += len(row.payload or b"")
            lane.read = row.seq
        return bool(rows)

    def _directory(self, version: int) -> Directory:
        if version not in self._directories:
            with self.state.read() as conn:
                self._directories[version] = load_directory(conn, version) if version else Directory()
            while len(self._directories) > 3:
                self._directories.pop(next(iter(self._directories)))
        return self._directories[version]

    def _due(self, lane: Lane) -> bool:
        if not lane.blocks or time.monotonic() < lane.not_before:
            return False
        store = self.settings.store
        age = time.monotonic() - lane.since
        return lane.events >= store.flush_events or lane.bytes >= FLUSH_BYTES or age >= store.flush_seconds

    def _flush(self, partition: Partition, lane: Lane) -> None:
        try:
            self.store.append(Flush(lane.app_id, lane.blocks))
        except (OSError, HinomiError) as error:
            lane.failures += 1
            pause = pause_after(lane.failures)
            log.get().error("storer.append_failed", partition=partition.name, error=str(error), again_in=pause)
            lane.not_before = time.monotonic() + pause  # nothing is lost: the blocks stay, the position does not move
            return
        failpoint("storer.after_append")
        lane.failures, lane.not_before = 0, 0.0
        lane.stored = lane.blocks[-1][0]
        lane.blocks, lane.events, lane.bytes = [], 0, 0
        stored = {each.name: each.stored for each in partition.lanes}
        save_position(self.folders.positions, partition.spool.id, "storer", stored)

    def flush_all(self) -> None:
        """Write what has been read, whether due or not."""
        for partition in self.partitions:
            for lane in partition.lanes:
                if lane.blocks:
                    self._flush(partition, lane)

    def close(self) -> None:
        """Write what has been read, and let go."""
        self.flush_all()
        for partition in self.partitions:
            partition.spool.close()
            partition.hits.close()
        self.store.close()
