"""Commit C: the responder turns hits into alerts, incidents, runs and their first intents, then acts.

One state-store transaction takes a batch of hits (the urgent lane first) together with their position;
the outbox's effects follow outside of it. APScheduler only ticks the sweeps; it holds no truth.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from hinomi import audit, log
from hinomi.audit.seals import Seals
from hinomi.clock import Clock
from hinomi.detections import Rules
from hinomi.detections.correlation.stream import Correlator
from hinomi.directory import load as load_directory
from hinomi.hits import Hit, decode
from hinomi.playbooks.engine import Engine
from hinomi.playbooks.engine.outbox import Executor
from hinomi.playbooks.incidents import alerts
from hinomi.runtime.damage import sound
from hinomi.runtime.failpoint import hit as failpoint
from hinomi.runtime.folders import Folders
from hinomi.runtime.parts import owner_of
from hinomi.runtime.wake import Waker
from hinomi.settings import Settings
from hinomi.spool import Log, save_position
from hinomi.state import State, t, upsert

LANES = ("urgent", "rest")
BATCH_HITS = 4000
THREADS = 32
IDLE = 5.0
"""Seconds after which the outbox is looked at though nothing asked for it."""
RIPEN_EVERY = 1.0
"""Seconds between two looks at what waits in correlations."""
REST_EVERY = 0.25
"""Seconds between two looks at what is not urgent: gathered, a flood costs the state store little."""


@dataclass
class HitsReader:
    """One partition's hits, with the position of each lane."""

    log: Log
    position: dict[str, int]

    def name(self, lane: str) -> str:
        """Return the name of a lane's position row."""
        return f"{self.log.id}:{lane}"


class Responder:
    """The only reader of hits. ``stop`` ends it after the batch at hand."""

    def __init__(
        self, settings: Settings, names: Sequence[str], state: State, rules: Rules, engine: Engine, clock: Clock
    ):
        """Take what the composition root made."""
        self.settings, self.names, self.state, self.rules, self.engine, self.clock = (
            settings,
            names,
            state,
            rules,
            engine,
            clock,
        )
        self.folders = Folders(settings.data)
        self.executor = Executor(state, engine, clock, failpoint=failpoint, owner=owner_of(settings))
        self.seals = Seals(settings.data)
        self.correlator = Correlator(rules.current(), settings.rules.lateness_seconds)
        self._generation = rules.current().generation
        self._readers: dict[str, HitsReader] = {}
        self._work = asyncio.Event()
        self._rested, self._waits = 0.0, False
        self._ripened = 0.0

    async def run(self, waker: Waker, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set: hits and effects beside each other."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
        scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        scheduler.add_job(self._tick, "interval", seconds=1)
        scheduler.add_job(self._seal, "interval", seconds=60)
        scheduler.start()
        effects = asyncio.create_task(self._effects(stop))
        try:
            while not stop.is_set():
                if effects.done():
                    effects.result()  # a fault there ends this process: the supervisor starts it again
                more = await asyncio.to_thread(self._take_if_there)
                self._work.set()
                if not more:  # what is not urgent may wait a little, to be taken together
                    await waker.wait(REST_EVERY if self._waits else 1.0)
        finally:
            self._work.set()
            scheduler.shutdown(wait=False)
            ordered = stop.is_set()
            if not ordered:  # a fault: this process ends, and the supervisor starts it again
                effects.cancel()
            await asyncio.gather(effects, return_exceptions=not ordered)
            await asyncio.to_thread(self._write_seal)

    async def _effects(self, stop: asyncio.Event) -> None:
        self.executor.on_end(self._work.set)
        while not stop.is_set():
            self._work.clear()
            try:
                wait = await self.executor.start_due()
            except OperationalError as error:
                log.get().error("responder.state_away", error=str(error))
                wait = 1.0
            await asyncio.to_thread(self._write_seal)
            try:
                async with asyncio.timeout(min(wait if wait is not None else IDLE, IDLE)):
                    await self._work.wait()
            except TimeoutError:
                pass
        await self.executor.settle()

    async def _tick(self) -> None:
        if await asyncio.to_thread(self._tick_now):
            self._work.set()

    def _tick_now(self) -> bool:
        try:
            with self.state.write() as conn:
                self.engine.tick(conn, self.clock.now())
                return self.executor.has_due(conn)
        except OperationalError as error:  # locked or full disk: the next tick tries again
            log.get().error("responder.tick_failed", error=str(error))
            return False

    async def _seal(self) -> None:
        await asyncio.to_thread(self._write_seal)

    def _write_seal(self) -> None:
        try:
            with self.state.read() as conn:
                head = audit.head(conn)
            self.seals.write(head, self.clock.now())
        except (OSError, OperationalError) as error:  # a full disk: the next seal covers these records too
            log.get().error("responder.seal_failed", error=str(error))

    def _take_if_there(self) -> bool:
        try:
            return self.take()
        except OperationalError as error:  # the state store is away: the hits wait in their logs
            log.get().error("responder.state_away", error=str(error))
            return False

    def take(self) -> bool:
        """Take one batch of each partition's hits, what is urgent first; return whether to look again at once."""
        self._reload()
        self._ripen()
        readers = [reader for name in self.names if (reader := self._reader(name)) is not None]
        if sum(self._take(reader, "urgent") for reader in readers):
            return True
        self._waits = time.monotonic() - self._rested < REST_EVERY
        if self._waits:
            return False
        self._rested = time.monotonic()
        return sum(self._take(reader, "rest") for reader in readers) > 0

    def _ripen(self) -> None:
        """Look once a second at correlations whose condition waits until nothing can change it any more."""
        if time.monotonic() - self._ripened < RIPEN_EVERY:
            return
        self._ripened = time.monotonic()
        now = self.clock.now()
        try:
            with self.state.read() as conn:
                due = self.correlator.due(conn, now)
            if due:
                with self.state.write() as conn:
                    self._record(conn, self.correlator.ripen(conn, now), now)
        except OperationalError as error:  # locked or full disk: the next second tries again
            self.correlator.forget()
            log.get().error("responder.ripen_failed", error=str(error))

    def _record(self, conn: Connection, hits: list[Hit], now: datetime) -> None:
        directory = load_directory(conn)
        alerts.record_hits(conn, hits, now=now, directory=directory, on_change=self.engine.on_incident)

    def _reload(self) -> None:
        ruleset = self.rules.current()
        if ruleset.generation != self._generation:
            self._generation = ruleset.generation
            self.correlator = Correlator(ruleset, self.settings.rules.lateness_seconds)

    def _reader(self, name: str) -> HitsReader | None:
        path = self.folders.hits(name)
        if name not in self._readers and path.exists():
            self._readers[name] = HitsReader(Log(path), {})
        reader = self._readers.get(name)
        if reader is not None and not reader.position:
            with self.state.read() as conn:
                reader.position.update({lane: _position(conn, reader.name(lane)) for lane in LANES})
        return reader

    def _take(self, reader: HitsReader, lane: str) -> bool:
        rows = reader.log.read(reader.position[lane], lane=lane, limit=32)
        if not rows:
            return False
        hits: list[Hit] = []
        last = reader.position[lane]
        for row in rows:
            hits += sound(reader.log, row, decode, aside=self.folders.damaged) or []
            last = row.seq
            if len(hits) >= BATCH_HITS:
                break
        try:
            self._commit(reader.name(lane), last, hits)
        except OperationalError as error:  # locked, full disk, server away: the hits stay where they are
            self.correlator.forget()
            log.get().error("responder.commit_failed", error=str(error))
            reader.position.clear()  # it may have been committed all the same: what the state store says counts
            time.sleep(0.2)
            return True
        reader.position[lane] = last
        save_position(self.folders.positions, reader.log.id, "responder", reader.position)
        return True

    def _commit(self, name: str, seq: int, hits: list[Hit]) -> None:
        now = self.clock.now()
        failpoint("responder.before_commit")
        with self.state.write() as conn:
            found = self.correlator.feed(conn, hits, now)
            own = [hit for hit in hits if not hit.rule.silent]
            self._record(conn, [*own, *found], now)
            _save_position(conn, name, seq)
            failpoint("responder.in_commit")
        failpoint("responder.after_commit")

    def close(self) -> None:
        """Close the logs."""
        for reader in self._readers.values():
            reader.log.close()


def _position(conn: Connection, name: str) -> int:
    return int(conn.execute(select(t.position.c.seq).where(t.position.c.name == name)).scalar_one_or_none() or 0)


def _save_position(conn: Connection, name: str, seq: int) -> Any:
    add = upsert(conn, t.position).values(name=name, seq=seq)
    return conn.execute(add.on_conflict_do_update(index_elements=["name"], set_={"seq": seq}))
