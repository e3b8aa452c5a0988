"""Commit B: a worker reads one partition's spool, makes events, matches rules, writes hits.

It never writes the state store. Hits and the position "detected" (with the directory version that
each block was read with) are one commit; a position without hits is saved once a second.
"""

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import OperationalError

from hinomi import hits as hits_module
from hinomi import log
from hinomi.clock import from_micros, iso
from hinomi.collectors.reading import Reader
from hinomi.detections import RuleSet, load
from hinomi.detections.carrying import carried
from hinomi.detections.costs import Costs
from hinomi.detections.learning import Sample
from hinomi.directory import Directory
from hinomi.directory import load as load_directory
from hinomi.errors import FullError
from hinomi.event import Block, Event
from hinomi.hits import Hit, RuleInfo
from hinomi.runtime.damage import sound
from hinomi.runtime.failpoint import hit as failpoint
from hinomi.runtime.folders import HISTORY, LIVE, SPOOL_LANES, Folders
from hinomi.runtime.wake import Waker, poke
from hinomi.settings import Settings
from hinomi.spool import Entry, Log, load_positions, newest_position, save_position
from hinomi.state import State

BLOCKS = 32
EVIDENCE = 20
PAUSE = 0.5
"""Seconds between two tries to write on a disk that refuses."""
_block = msgspec.msgpack.Decoder(Block).decode


class Detected(msgspec.Struct):
    """What the storer must know of a lane: up to where it is detected, and which directory version read which blocks."""

    seq: int = 0
    versions: list[tuple[int, int]] = []
    """(first block, directory version), ascending."""

    def version_of(self, seq: int) -> int:
        """Return the directory version that block ``seq`` was read with."""
        return next((version for first, version in reversed(self.versions) if first <= seq), 0)


def _key(spool: Log, lane: str) -> str:
    return f"detected:{spool.id}:{lane}"


def detected_of(hits: Log, spool: Log) -> dict[str, Detected]:
    """Return per lane how far a partition's worker is, as its hits log has it."""
    saved = {lane: hits.state(_key(spool, lane)) for lane in SPOOL_LANES}
    return {lane: msgspec.msgpack.decode(raw, type=Detected) if raw else Detected() for lane, raw in saved.items()}


class Evidence:
    """Keeps the content of the first hits of a (rule, entity, hour); later ones are only counted."""

    def __init__(self, size: int = 50_000):
        self._seen: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        self._size = size

    def wanted(self, rule: RuleInfo, entity: str, hour: str) -> bool:
        """Tell whether this hit's event is to be kept whole."""
        key = (rule.id, entity, hour)
        count = self._seen.pop(key, 0) + 1
        self._seen[key] = count
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return count <= EVIDENCE


class Worker:
    """One partition's worker."""

    def __init__(self, settings: Settings, partition: str, state: State):
        """Open the logs of ``partition``; the spool must be there already."""
        self.settings, self.partition, self.state = settings, partition, state
        self.folders = Folders(settings.data)
        self.spool = Log(self.folders.spool(partition))
        self.hits = Log(self.folders.hits(partition), max_bytes=settings.spool.max_bytes, writable=True)
        self.hits.never_below(newest_position(self.folders.positions, self.hits.id))
        self.reader = Reader(settings)
        self.rules = load(settings)
        self.rules.current().prepare()
        self.detected = detected_of(self.hits, self.spool)
        self.evidence = Evidence()
        self.costs = Costs(self.folders.costs / f"{partition}.json")
        self.sample = Sample(self.rules.learned(partition))
        self.directory = Directory()
        self._looked = self._saved = 0.0
        self._knows = False
        self.counted_only = 0
        self._stopped: Callable[[], bool] = lambda: True
        self._abandoned = False

    def run(self, waker: Waker, stop: Any) -> None:
        """Work until ``stop.is_set()``."""
        self._stopped = stop.is_set
        while not stop.is_set():
            if not self.step():
                waker.wait_blocking(1.0)

    def step(self) -> bool:
        """Take the next blocks; return whether there were any."""
        self._refresh_directory()
        if not self._knows:
            return False  # nothing is matched against a directory that was never read
        rows = [
            *self.spool.read(self.detected[LIVE].seq, lane=LIVE, limit=BLOCKS),
            *self.spool.read(self.detected[HISTORY].seq, lane=HISTORY, limit=1),
        ]
        pending: list[Hit] = []
        for row in rows:
            ruleset = self.rules.current()
            block = sound(self.spool, row, _block, aside=self.folders.damaged)
            if block is not None:
                pending += self._match(ruleset, block)
            self.detected[row.lane].seq = row.seq
            urgent = any(hit.rule.urgent for hit in pending)
            if urgent or len(pending) > 2000:
                self._commit(pending)
                pending = []
        if pending or (self._moved() and time.monotonic() - self._saved >= 1.0):
            self._commit(pending)
        return bool(rows)

    def _refresh_directory(self) -> None:
        now = time.monotonic()
        if now - self._looked < 1.0:
            return
        self._looked = now
        try:
            with self.state.read() as conn:
                self.directory = load_directory(conn)
            self._knows = True
        except OperationalError as error:  # the state store is away: the directory stays what it was
            log.get().error("worker.state_away", error=str(error))
        if not self._knows:
            return
        for lane in self.detected.values():
            versions = lane.versions
            if not versions or versions[-1][1] != self.directory.version:
                versions.append((lane.seq + 1, self.directory.version))
                del versions[:-100]

    def _moved(self) -> bool:
        return any(lane.seq for lane in self.detected.values())

    def _match(self, ruleset: RuleSet, block: Block) -> list[Hit]:
        events = self.reader.read_block(block, self.directory)
        result = ruleset.match(events)
        for fault in result.faults:
            log.get().warning("worker.rule_fault", rule=fault.rule, reason=fault.reason)
        self.costs.look(ruleset, events)
        self.sample.look(events)
        if self.sample.full and self.rules.study(self.sample.chunks, self.partition):
            self.sample.begin_anew()
        trusted = self._trusted(block.source)
        return [self._hit(ruleset, rule, events[index], block, trusted) for index, rule in result.hits]

    def _trusted(self, source: str) -> bool:
        settings = self.settings.sources.get(source)
        return bool(settings and settings.trusted_for_containment)

    def _hit(self, ruleset: RuleSet, rule: RuleInfo, event: Event, block: Block, trusted: bool) -> Hit:
        keep = self.evidence.wanted(rule, hits_module.entity_of(event), event["@timestamp"][:13])
        return hits_module.hit_of(rule, event, generation=ruleset.generation, received=iso(from_micros(block.received)),
                                  trusted=trusted, backfill=block.backfill, keep=keep, fields=carried(event, rule.fields))  # fmt: skip

    def _commit(self, pending: Sequence[Hit]) -> None:
        failpoint("worker.before_commit")
        urgent = [hit for hit in pending if hit.rule.urgent]
        rest = [hit for hit in pending if not hit.rule.urgent]
        state = {_key(self.spool, lane): msgspec.msgpack.encode(found) for lane, found in self.detected.items()}
        entries = [
            Entry(lane, hits_module.encode(found), len(found))
            for lane, found in (("urgent", urgent), ("rest", rest))
            if found
        ]
        if not self._append(entries, state):
            return
        failpoint("worker.after_commit")
        self._saved = time.monotonic()
        save_position(
            self.folders.positions, self.spool.id, "worker", {lane: found.seq for lane, found in self.detected.items()}
        )
        if entries:
            poke(self.folders.run, "responder")
        poke(self.folders.run, "storer")
        self._trim()

    def _append(self, entries: list[Entry], state: dict[str, bytes]) -> bool:
        """Make hits and position durable; wait for a disk that refuses, unless it is time to stop."""
        force = False
        while not self._abandoned:
            try:
                self.hits.append(entries, state, force=force)
                return True
            except FullError:  # the responder is far behind: what is urgent goes in, the rest is only counted
                self.counted_only += sum(entry.records for entry in entries if entry.lane != "urgent")
                log.get().error("worker.hits_full", counted_only=self.counted_only)
                entries, force = [entry for entry in entries if entry.lane == "urgent"], True
            except sqlite3.OperationalError as error:
                log.get().error("worker.not_written", partition=self.partition, error=str(error))
                if self._stopped():
                    self._abandoned = True  # the position stays where it was: these blocks are matched again
                else:
                    time.sleep(PAUSE)
        return False

    def _trim(self) -> None:
        if done := load_positions(self.folders.positions, self.hits.id, ["responder"]):
            try:
                self.hits.trim(done)
            except sqlite3.OperationalError as error:
                log.get().error("worker.not_trimmed", partition=self.partition, error=str(error))

    def close(self) -> None:
        """Save what is detected and close the logs."""
        self._commit([])
        self.spool.close()
        self.hits.close()
