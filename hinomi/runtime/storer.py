"""Commit D: the storer reads the spool once more and writes the event store, behind detection.

It takes only blocks that are detected, with the directory version they were detected with, and never
holds detection up: when the store is away it waits, and the spool is the buffer.
"""

import time
from dataclasses import dataclass, field

import msgspec

from hinomi import log
from hinomi.clock import SystemClock, iso
from hinomi.collectors.reading import Reader
from hinomi.directory import Directory
from hinomi.directory import load as load_directory
from hinomi.errors import HinomiError
from hinomi.event import Block, Event
from hinomi.events import EventStore, Flush
from hinomi.runtime.failpoint import hit as failpoint
from hinomi.runtime.folders import Folders
from hinomi.runtime.worker import Detected
from hinomi.settings import Settings
from hinomi.spool import Log, save_position
from hinomi.state import State

_block = msgspec.msgpack.Decoder(Block).decode
FLUSH_BYTES = 16 << 20


@dataclass
class Partition:
    """One partition as the storer sees it."""

    name: str
    spool: Log
    hits: Log
    app_id: str
    stored: int
    read: int
    blocks: list[tuple[int, list[Event]]] = field(default_factory=list)
    events: int = 0
    bytes: int = 0
    since: float = 0.0

    def detected(self) -> Detected:
        """Return how far the worker is."""
        saved = self.hits.state(f"detected:{self.spool.id}")
        return msgspec.msgpack.decode(saved, type=Detected) if saved else Detected()


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
        app_id = f"{spool.id}:{name}"
        stored = self.store.position(app_id)
        return Partition(name, spool, hits, app_id, stored, stored)

    def step(self) -> bool:
        """Read what is detected and flush what is due; return whether there may be more at once."""
        more = False
        for partition in self.partitions:
            more = self._fill(partition) or more
            if self._due(partition):
                self._flush(partition)
        if time.monotonic() - self._maintained > 3600:
            self._maintained = time.monotonic()
            self.store.maintain()
            self.store.expire(iso(SystemClock().now()), self._retention())
        return more

    def _retention(self) -> dict[str, int]:
        classes = {str(self.settings.store.retention_days): self.settings.store.retention_days}
        for source in self.settings.sources.values():
            if source.retention_days:
                classes[str(source.retention_days)] = source.retention_days
        return classes

    def _fill(self, partition: Partition) -> bool:
        if partition.events >= 2 * self.settings.store.flush_events:
            return False  # the store is away: what is read already waits in memory, the rest in the spool
        detected = partition.detected()
        rows = partition.spool.read(partition.read, lane="events", limit=16, upto=detected.seq)
        for row in rows:
            block = _block(row.payload)
            events = self.reader.read_block(block, self._directory(detected.version_of(row.seq)))
            if not partition.blocks:
                partition.since = time.monotonic()
            partition.blocks.append((row.seq, events))
            partition.events += len(events)
            partition.bytes += len(row.payload)
            partition.read = row.seq
        return bool(rows)

    def _directory(self, version: int) -> Directory:
        if version not in self._directories:
            with self.state.read() as conn:
                self._directories[version] = load_directory(conn, version) if version else Directory()
            while len(self._directories) > 3:
                self._directories.pop(next(iter(self._directories)))
        return self._directories[version]

    def _due(self, partition: Partition) -> bool:
        if not partition.blocks:
            return False
        store = self.settings.store
        age = time.monotonic() - partition.since
        return partition.events >= store.flush_events or partition.bytes >= FLUSH_BYTES or age >= store.flush_seconds

    def _flush(self, partition: Partition) -> None:
        try:
            self.store.append(Flush(partition.app_id, partition.blocks))
        except (OSError, HinomiError) as error:
            log.get().error("storer.append_failed", partition=partition.name, error=str(error))
            partition.since = time.monotonic()  # again after another flush interval; nothing is lost
            return
        failpoint("storer.after_append")
        partition.stored = partition.blocks[-1][0]
        partition.blocks, partition.events, partition.bytes = [], 0, 0
        save_position(self.folders.positions, partition.spool.id, "storer", {"events": partition.stored})

    def flush_all(self) -> None:
        """Write what has been read, whether due or not."""
        for partition in self.partitions:
            if partition.blocks:
                self._flush(partition)

    def close(self) -> None:
        """Write what has been read, and let go."""
        self.flush_all()
        for partition in self.partitions:
            partition.spool.close()
            partition.hits.close()
        self.store.close()
