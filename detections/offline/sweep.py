"""Rules over files with all cores: records are read and matched in children, hits come back in the files' order."""

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hinomi.collectors.formats import formats
from hinomi.collectors.reading import Reader
from hinomi.detections import RuleFault, RuleSet
from hinomi.detections.carrying import carried
from hinomi.detections.explaining import meets
from hinomi.detections.fieldmap import Condition
from hinomi.detections.offline.files import Chunk, chunks
from hinomi.directory import Directory
from hinomi.event import Block, Event
from hinomi.hits import RuleInfo
from hinomi.settings import Settings, SourceSettings

SOURCE = "detect"
FIRST = ("ecs.document", "windows.eventlog")
"""Formats that are tried before the others, which look more closely at text."""


@dataclass(frozen=True)
class Found:
    """One rule matched one record; ``index`` counts the file's records from 0.

    ``event`` holds what is shown and what correlations of the rule need: id, time, host, `RuleInfo.fields`.
    """

    path: Path
    index: int
    rule: RuleInfo
    event: Event


@dataclass(frozen=True)
class Swept:
    """What one chunk gave: hits, the numbers of records that no format took, rules that failed.

    ``met``: the numbers of records that are of a log source that was asked for.
    """

    chunk: Chunk
    hits: Sequence[Found]
    errors: Sequence[int]
    faults: Sequence[RuleFault]
    records: int
    met: Sequence[int] = ()


@dataclass
class Totals:
    """What was read, over all files."""

    records: int = 0
    errors: int = 0
    first_errors: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Files that could not be read as a whole, with the reason."""
    faults: Counter[str] = field(default_factory=Counter)
    met: int = 0
    first_met: str = ""
    """Where the first record of a log source that was asked for is."""

    def add(self, swept: Swept) -> None:
        """Count one chunk."""
        self.records += swept.records
        self.errors += len(swept.errors)
        for index in swept.errors[: max(10 - len(self.first_errors), 0)]:
            self.first_errors.append(f"{swept.chunk.path}:{index}")
        self.met += len(swept.met)
        if swept.met and not self.first_met:
            self.first_met = f"{swept.chunk.path}:{swept.met[0]}"
        self.faults.update(fault.rule for fault in swept.faults)


class Sweeper:
    """Reads and matches chunks; the same reader and matcher as the stream's."""

    def __init__(
        self, ruleset: RuleSet | None, *, named: str = "", encoding: str = "", zone: str = "Asia/Tokyo", routes: Sequence[Condition] = ()
    ):  # fmt: skip
        """Take the rules (None: it only reads); ``named`` is the only format tried; records that meet ``routes`` are noted."""
        names = (named,) if named else (*FIRST, *(name for name, _ in formats if name not in FIRST))
        source = SourceSettings(kind="file", formats=names, encoding=encoding, zone=zone)
        self.ruleset, self._routes = ruleset, routes
        self._reader = Reader(Settings(sources={SOURCE: source}))
        self._nobody = Directory()

    def read(self, chunk: Chunk) -> Iterator[list[Event]]:
        """Yield the events of each record of a chunk."""
        places = [f"{chunk.path.name}:{chunk.first + n}" for n in range(len(chunk.raws))]
        return self._reader.read_each(Block(SOURCE, 0, places, chunk.raws, chunk.context), self._nobody)

    def sweep(self, chunk: Chunk) -> Swept:
        """Return what a chunk holds."""
        events: list[Event] = []
        indexes: list[int] = []
        errors: list[int] = []
        for index, found in enumerate(self.read(chunk), chunk.first):
            if found and found[0].get("event.dataset") == "hinomi.unparsed":
                errors.append(index)
                continue
            events += found
            indexes += [index] * len(found)
        if self.ruleset is None:
            raise ValueError("nothing to match with")
        result = self.ruleset.match(events)
        hits = [Found(chunk.path, indexes[place], rule, _slim(events[place], rule)) for place, rule in result.hits]
        bare = chunk._replace(raws=[])
        met = (
            [index for index, event in zip(indexes, events, strict=True) if meets(event, self._routes)]
            if self._routes
            else ()
        )
        return Swept(bare, sorted(hits, key=lambda hit: hit.index), errors, result.faults, len(chunk.raws), met)


def _slim(event: Event, rule: RuleInfo) -> Event:
    return {name: event[name] for name in ("event.id", "@timestamp", "host.name") if name in event} | carried(
        event, rule.fields
    )


_child: Any = None


def _sweep(chunk: Chunk) -> Swept:
    found: Swept = _child(chunk)
    return found


def over(
    paths: Sequence[Path], sweep: Callable[[Chunk], Swept], totals: Totals, *, framing: str = "", encoding: str = "", jobs: int = 0
) -> Iterator[Swept]:  # fmt: skip
    """Yield what every chunk of the files holds, in order; a file that cannot be read is noted, the others go on.

    Children are forked, and so share the rules that are loaded here. One chunk alone is swept in this process.
    """
    global _child
    source = _all(paths, totals, framing, encoding)
    ahead = [chunk for _, chunk in zip(range(2), source, strict=False)]
    jobs = jobs or len(os.sched_getaffinity(0))
    if jobs == 1 or len(ahead) < 2:
        yield from map(sweep, [*ahead, *source])
        return
    _child = sweep
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        waiting: deque[Future[Swept]] = deque(pool.submit(_sweep, chunk) for chunk in ahead)
        for chunk in source:
            waiting.append(pool.submit(_sweep, chunk))
            if len(waiting) > 4 * jobs:  # what is read ahead is bounded
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _all(paths: Sequence[Path], totals: Totals, framing: str, encoding: str) -> Iterator[Chunk]:
    for path in paths:
        try:
            yield from chunks(path, framing=framing, encoding=encoding)
        except OSError as error:
            totals.broken.append(f"{path}: {error.strerror or error}")
