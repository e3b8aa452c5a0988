"""Commit A: the receiver runs the sources and makes their records durable, together with their cursors.

Batches of all sources of a partition that come within ``spool.commit_ms`` are one commit. A full spool
makes sources wait (and HTTP answer 429); a full disk is said and tried again. Nothing is dropped.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvicorn

from hinomi import log
from hinomi.clock import Clock, from_micros, iso, micros
from hinomi.collectors.sources import Batch, Source, SourceContext, sources
from hinomi.collectors.sources.http import REMEMBER, HttpSource, IngestApp
from hinomi.errors import FullError, IntegrityError
from hinomi.event import Block
from hinomi.runtime.failpoint import hit as failpoint
from hinomi.runtime.folders import HISTORY, LIVE, SPOOL_READERS, Folders, partitions
from hinomi.runtime.wake import poke
from hinomi.settings import Settings
from hinomi.spool import Entry, Log, load_positions, newest_position
from hinomi.state import State

_encode = msgspec.msgpack.Encoder().encode
COMMIT_BYTES = 256 * 1024
BLOCK_RECORDS = 500
STOPS = 2.0
"""Seconds a source has to end by itself."""


def partition_of(settings: Settings, source: str) -> str:
    """Return the partition of a source: by its trust, then by a stable hash of its name."""
    trusted = settings.sources[source].trusted_for_containment
    count = settings.spool.trusted if trusted else settings.spool.bulk
    number = sum(source.encode()) % count
    return f"{'trusted' if trusted else 'bulk'}-{number}"


@dataclass
class Statistics:
    """What `hinomi source list` shows of one source, since this process started."""

    records: int = 0
    bytes: int = 0
    last: str = ""
    waiting: int = 0
    dropped: int = 0


@dataclass
class Pending:
    """A batch on its way to the disk."""

    source: str
    batch: Batch
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def size(self) -> int:
        """Bytes of its records."""
        return sum(len(raw) for _, raw in self.batch.records)


class Committer:
    """Group commits of one partition; the only writer of its spool."""

    def __init__(self, name: str, settings: Settings, folders: Folders):
        self.name, self._settings, self._folders = name, settings, folders
        self.log = Log(folders.spool(name), max_bytes=settings.spool.max_bytes, writable=True)
        self.log.never_below(newest_position(folders.positions, self.log.id))
        self._queue: asyncio.Queue[Pending] = asyncio.Queue(maxsize=256)
        self._full = False
        self._refused = ""

    async def put(self, pending: Pending) -> None:
        """Return when the batch is durable."""
        await self._queue.put(pending)
        await pending.done

    def full(self) -> str:
        """Why a new batch would be refused, or nothing (looked at on each commit and trim)."""
        return self._refused or ("the spool is full" if self._full else "")

    async def run(self) -> None:
        """Commit for ever; cancelled when no source puts any more."""
        while True:
            group = [await self._queue.get()]
            size = group[0].size
            deadline = time.monotonic() + self._settings.spool.commit_ms / 1000 / 4
            while size < COMMIT_BYTES * 8 and len(group) < 256:
                try:
                    async with asyncio.timeout(max(deadline - time.monotonic(), 0) if size < COMMIT_BYTES else 0):
                        more = await self._queue.get()
                except TimeoutError:
                    break
                group.append(more)
                size += more.size
            await self._commit(group)

    async def _commit(self, group: list[Pending]) -> None:
        while True:
            try:
                await asyncio.to_thread(self._append, group)
                self._refused = ""
                break
            except FullError:
                self._full = True
                log.get().error("spool.full", partition=self.name)
            except sqlite3.OperationalError as error:
                self._refused = f"the spool cannot be written: {error}"
                log.get().error("spool.not_written", partition=self.name, error=str(error))
            group = self._give_back(group)
            if not group:
                return
            await asyncio.sleep(0.5)
            group += self._give_back([self._queue.get_nowait() for _ in range(self._queue.qsize())])
        failpoint("receiver.before_ack")
        for pending in group:
            if not pending.done.done():
                pending.done.set_result(None)

    def _give_back(self, group: list[Pending]) -> list[Pending]:
        """Tell those who are not to wait that there is no room; return the others."""
        for pending in group:
            if isinstance(pending.batch, Urgent) and not pending.done.done():
                pending.done.set_exception(FullError(self.full() or "the spool cannot take more now"))
        return [pending for pending in group if not isinstance(pending.batch, Urgent)]

    def _append(self, group: list[Pending]) -> None:
        entries: list[Entry] = []
        state: dict[str, bytes | None] = {}
        for pending in group:
            batch = pending.batch
            entries += _entries(pending.source, batch)
            state.update({f"{pending.source}/{key}": value for key, value in batch.state.items()})
        failpoint("receiver.before_commit")
        self.log.append(entries, state)
        failpoint("receiver.after_commit")
        poke(self._folders.run, f"worker-{self.name}")

    def trim(self) -> None:
        """Delete blocks that every reader has behind it."""
        positions = load_positions(self._folders.positions, self.log.id, SPOOL_READERS)
        if positions:
            self.log.trim(positions)
        self._full = self.log.full
        if self._refused:  # nobody may be putting any more: ask the disk
            self.log.append((), {"written": b"1"})
            self._refused = ""
        limit = int(time.time()) - REMEMBER
        if time.monotonic() % 600 < 1:
            old = {
                key: None
                for key, value in self.log.states("").items()
                if "/batch/" in key and json.loads(value)["at"] < limit
            }
            if old:
                self.log.append((), old)


def _entries(source: str, batch: Batch) -> Iterator[Entry]:
    """Yield a batch as blocks that take a worker a few hundredths of a second at most."""
    received, lane = micros(), HISTORY if batch.backfill else LIVE
    places, raws = list[str](), list[bytes]()
    size = 0
    for number, (place, raw) in enumerate(batch.records, 1):
        places.append(place)
        raws.append(raw)
        size += len(raw)
        if len(raws) == BLOCK_RECORDS or size >= COMMIT_BYTES or number == len(batch.records):
            block = Block(source, received, places, raws, batch.context, batch.backfill)
            yield Entry(lane, _encode(block), len(raws))
            places, raws, size = [], [], 0


class Urgent(Batch):
    """A batch whose sender is told at once when there is no room."""


@dataclass
class SourceSink:
    """The receiver's side of one source."""

    source: str
    committer: Committer
    statistics: Statistics

    async def put(self, batch: Batch, *, wait: bool = True) -> None:
        """Return when the batch is durable; FullError if it is not to wait."""
        if not wait:
            if batch.records and (why := self.committer.full()):
                raise FullError(why)
            batch = Urgent(batch.records, batch.state, batch.context, batch.backfill)
        pending = Pending(self.source, batch)
        self.statistics.waiting += 1
        try:
            await self.committer.put(pending)
        finally:
            self.statistics.waiting -= 1
        self.statistics.records += len(batch.records)
        self.statistics.bytes += pending.size
        if batch.records:
            self.statistics.last = iso(from_micros(micros()))

    def dropped(self, count: int) -> None:
        """Count records that could not be taken."""
        self.statistics.dropped += count

    def state(self, key: str) -> bytes | None:
        """Return what this source saved under ``key``."""
        return self.committer.log.state(f"{self.source}/{key}")

    def states(self, prefix: str) -> dict[str, bytes]:
        """Return all that this source saved under keys with this prefix."""
        found = self.committer.log.states(f"{self.source}/{prefix}")
        return {key.removeprefix(f"{self.source}/"): value for key, value in found.items()}


class Receiver:
    """Runs every source of the settings, and the ingest listener."""

    def __init__(self, settings: Settings, state: State, clock: Clock):
        self.settings, self.state, self.clock = settings, state, clock
        self.folders = Folders(settings.data)
        self.committers = {name: Committer(name, settings, self.folders) for name in partitions(settings)}
        self.statistics = {name: Statistics() for name in settings.sources}

    async def run(self, stop: asyncio.Event) -> None:
        """Receive until ``stop``; what was put is durable before this returns."""
        self.folders.run.mkdir(parents=True, exist_ok=True)
        self._carry_over()
        made: dict[str, Source] = {
            name: sources.get(table.kind)(SourceContext(name, table, self.settings, self.clock))
            for name, table in self.settings.sources.items()
        }
        commits = [asyncio.create_task(committer.run()) for committer in self.committers.values()]
        tasks = [asyncio.create_task(self._keep_running(name, source, stop)) for name, source in made.items()]
        doors = {name: source for name, source in made.items() if isinstance(source, HttpSource)}
        listener = self._listener(doors)
        if listener is not None:
            tasks.append(asyncio.create_task(listener.serve()))
        await self._tend(stop, [*tasks, *commits])
        if listener is not None:
            listener.should_exit = True
        _, waiting = await asyncio.wait(tasks, timeout=STOPS) if tasks else (set(), set())
        for task in waiting:  # for room in a full spool: what they hold is read again at the next start
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for commit in commits:
            commit.cancel()
        await asyncio.gather(*commits, return_exceptions=True)
        for committer in self.committers.values():
            committer.log.close()

    async def _keep_running(self, name: str, source: Source, stop: asyncio.Event) -> None:
        """Run a source until ``stop``; a fault of its own is said, and it begins again where it had committed."""
        pause = 1.0
        while not stop.is_set():
            started = time.monotonic()
            try:
                await source.run(self._sink(name), stop)
                return
            except (IntegrityError, sqlite3.Error):  # not its own: the log's
                raise
            except Exception:  # noqa: BLE001 - a source of anybody's: its fault must not stop the others
                pause = 1.0 if time.monotonic() - started > 60 else min(pause * 2, 60.0)
                log.get().exception("source.failed", source=name, again_in=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()

    def _sink(self, name: str) -> SourceSink:
        return SourceSink(name, self.committers[partition_of(self.settings, name)], self.statistics[name])

    def _listener(self, doors: Mapping[str, HttpSource]) -> "_Listener | None":
        if not doors:
            return None
        host, port = self.settings.ingest.address
        app: Any = IngestApp(self.settings, self.state, dict(doors), self.clock.now)
        return _Listener(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=3,
            )
        )

    async def _tend(self, stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
        while not stop.is_set():
            try:
                async with asyncio.timeout(1.0):
                    await stop.wait()
            except TimeoutError:
                pass
            for committer in self.committers.values():
                try:
                    await asyncio.to_thread(committer.trim)
                except sqlite3.Error as error:
                    log.get().error("spool.not_trimmed", partition=committer.name, error=str(error))
            self._write_statistics()
            for task in tasks:
                if task.done() and not stop.is_set() and (failed := task.exception()):
                    raise failed

    def _write_statistics(self) -> None:
        path = self.folders.run / "sources.json"
        content = {name: vars(statistics) for name, statistics in self.statistics.items()}
        if content == getattr(self, "_written", None):
            return
        try:
            path.with_suffix(".new").write_text(json.dumps(content))
            path.with_suffix(".new").replace(path)
            self._written = json.loads(json.dumps(content))
        except OSError as error:
            log.get().error("receiver.statistics", error=error.strerror)

    def _carry_over(self) -> None:
        """Bring what a source remembers to its partition, where its trust has changed."""
        for name in self.settings.sources:
            own = self.committers[partition_of(self.settings, name)]
            for other in self.committers.values():
                if other is not own and (left := other.log.states(f"{name}/")):
                    own.log.append((), left)
                    other.log.append((), dict.fromkeys(left))


class _Listener(uvicorn.Server):
    """uvicorn without its own signal handlers: the role ends it."""

    def install_signal_handlers(self) -> None:
        """Leave signals to the role."""

    async def serve(self, sockets: Any = None) -> None:
        """Serve until ``should_exit``."""
        await self._serve(sockets)
