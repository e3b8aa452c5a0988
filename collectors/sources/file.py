"""Files that grow: tailed by polling, known by identity and not by name (CONTRACTS 1).

A file is its inode while it lives, bound to a random id and to the hash of its first bytes after the
header. Renamed: the same. Truncated, or other content: a new one, from its start. A new inode with known
content: the old one moved, or its copy (then only what is beyond). A torn last line waits for its end.
"""

import asyncio
import glob
import hashlib
import os
import uuid
from asyncio import Event as Stop
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hinomi import log
from hinomi.collectors.framings import Cut, StreamFraming, WholeFraming, framings
from hinomi.collectors.sources import Batch, Sink, SourceContext, sources
from hinomi.errors import ConfigError

CHUNK = 1 << 20
PRINT = 4096
MOST_RECORDS = 5000


class FileSettings(BaseModel):
    """Keys of a source of kind file."""

    model_config = ConfigDict(extra="forbid")

    path: str | list[str] = Field(description="Path or glob, or several; relative to the settings file.")
    poll: float = Field(default=0.25, gt=0, description="Seconds between looks.")


class Known(msgspec.Struct):
    """What is remembered of a file, in one commit with its records."""

    dev: int
    ino: int
    path: str
    offset: int = 0
    start: int = 0
    """Where the fingerprint starts: behind the header."""
    length: int = 0
    print: str = ""
    context: str | None = None


@dataclass
class Tail:
    """One open file. ``fed`` is how far it was read, ``known.offset`` how far it is committed."""

    id: str
    file: BinaryIO
    known: Known
    framing: StreamFraming | WholeFraming
    base: int
    fed: int
    settled: float = 0.0


def fingerprint(file: BinaryIO, start: int, length: int) -> str:
    """Return the hash of ``length`` bytes from ``start``."""
    return hashlib.blake2b(os.pread(file.fileno(), length, start), digest_size=16).hexdigest()


@sources.register("file")
class FileSource:
    """All files that fit the paths."""

    def __init__(self, context: SourceContext):
        try:
            self.own = FileSettings(**context.settings.own())
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ConfigError(faults, hint="path, poll") from error
        paths = [self.own.path] if isinstance(self.own.path, str) else self.own.path
        self.patterns = [str(context.all.base / path) for path in paths]
        self.name, self.settings = context.name, context.settings
        self._framing = framings.get(context.settings.framing)
        self._tails: dict[tuple[int, int], Tail] = {}
        self._known: dict[str, Known] = {}
        self._live = False

    async def run(self, sink: Sink, stop: Stop) -> None:
        """Follow the files until ``stop``."""
        self._known = {
            key.removeprefix("file/"): msgspec.json.decode(value, type=Known)
            for key, value in sink.states("file/").items()
        }
        self._live = sink.state("live") is not None
        failures = 0
        try:
            while not stop.is_set():
                try:
                    moved = await self._look(sink, stop)
                    failures = 0
                except OSError as error:
                    failures += 1
                    moved = False
                    log.get().error(
                        "file.failed", source=self.name, error=error.strerror or str(error), failures=failures
                    )
                try:
                    async with asyncio.timeout(0 if moved else min(self.own.poll * (1 + failures), 10.0)):
                        await stop.wait()
                except TimeoutError:
                    pass
        finally:
            for tail in self._tails.values():
                tail.file.close()

    async def _look(self, sink: Sink, stop: Stop) -> bool:
        """Read what is new in every file; return whether there was anything."""
        present: dict[tuple[int, int], str] = {}
        for pattern in self.patterns:
            for path in sorted(glob.glob(pattern)):  # noqa: PTH207 - Path.glob takes no absolute patterns
                try:
                    stat = os.stat(path)  # noqa: PTH116 - a hot path
                except FileNotFoundError:
                    continue
                present.setdefault((stat.st_dev, stat.st_ino), path)
        moved = False
        for key, path in present.items():
            tail = self._tails.get(key) or self._open(key, path, present)
            if tail is not None:
                tail.known.path = path
                moved = await self._advance(tail, sink, stop) or moved
            if stop.is_set():
                return False
        for key in [key for key in self._tails if key not in present]:
            await self._end(key, sink, stop)
        if not self._live and not moved and present:
            self._live = True
            await sink.put(Batch((), {"live": b"1"}))
        return moved

    # --- identity ---------------------------------------------------------------------------------

    def _open(self, key: tuple[int, int], path: str, present: dict[tuple[int, int], str]) -> Tail | None:
        try:
            file = Path(path).open("rb")  # noqa: SIM115 - it stays open
        except OSError as error:
            log.get().error("file.unreadable", source=self.name, error=error.strerror)
            return None
        stat = os.fstat(file.fileno())
        key = (stat.st_dev, stat.st_ino)
        file_id, known = self._identify(file, key, stat.st_size, path, present)
        tail = self._tail(file_id, file, known)
        self._tails[key] = tail
        return tail

    def _identify(
        self, file: BinaryIO, key: tuple[int, int], size: int, path: str, present: dict[tuple[int, int], str]
    ) -> tuple[str, Known]:
        for file_id, known in self._known.items():
            if (known.dev, known.ino) == key and self._same(file, known, size):
                return file_id, known
        for file_id, known in list(self._known.items()):
            if known.length and (known.dev, known.ino) != key and self._same(file, known, size):
                moved = msgspec.structs.replace(known, dev=key[0], ino=key[1], path=path)
                if (known.dev, known.ino) in present:  # the other is still there: this is its copy
                    return uuid.uuid4().hex, moved
                return file_id, moved
        return uuid.uuid4().hex, Known(key[0], key[1], path)

    @staticmethod
    def _same(file: BinaryIO, known: Known, size: int) -> bool:
        return size >= known.offset and fingerprint(file, known.start, known.length) == known.print

    def _tail(self, file_id: str, file: BinaryIO, known: Known) -> Tail:
        self._known[file_id] = known
        framing = self._framing(encoding=self.settings.encoding, context=known.context)
        return Tail(file_id, file, known, framing, known.offset, known.offset)

    def _renew(self, tail: Tail) -> Tail:
        """The content is another: the old file ends here, a new one begins."""
        log.get().info("file.truncated", source=self.name)
        self._known[tail.id] = msgspec.structs.replace(
            tail.known, dev=0, ino=0
        )  # a copy of it may be under another name
        stat = os.fstat(tail.file.fileno())
        fresh = self._tail(uuid.uuid4().hex, tail.file, Known(stat.st_dev, stat.st_ino, tail.known.path))
        self._tails[stat.st_dev, stat.st_ino] = fresh
        return fresh

    # --- reading ----------------------------------------------------------------------------------

    async def _advance(self, tail: Tail, sink: Sink, stop: Stop) -> bool:
        size = os.fstat(tail.file.fileno()).st_size
        if tail.framing.kind == "whole":
            return await self._whole(tail, size, sink)
        if size == tail.fed:
            return False
        if not self._same(tail.file, tail.known, size) or size < tail.fed:
            old = tail.id
            tail = self._renew(tail)
            await sink.put(Batch((), {f"file/{old}": msgspec.json.encode(self._known[old])}))
        while tail.fed < size and not stop.is_set():
            data = await asyncio.to_thread(os.pread, tail.file.fileno(), CHUNK, tail.fed)
            if not data:
                break
            tail.fed += len(data)
            await self._put(tail, tail.framing.feed(data), sink)  # type: ignore[union-attr]  # a stream: its kind was asked
        return True

    async def _put(self, tail: Tail, cuts: list[Cut], sink: Sink) -> None:
        known, context = tail.known, tail.framing.context  # type: ignore[union-attr]  # streams only
        for start in range(0, max(len(cuts), 1), MOST_RECORDS):
            part = cuts[start : start + MOST_RECORDS]
            if part:
                known.offset = tail.base + part[-1].end
                if known.context is None and context is not None:
                    known.context, known.start = context, tail.base + cuts[0].start
            if not part:
                return
            self._print(tail)
            records = [(f"{tail.id}:{tail.base + cut.start}", cut.raw) for cut in part]
            state = {f"file/{tail.id}": msgspec.json.encode(known)}
            await sink.put(Batch(records, state, context=context, backfill=not self._live))

    @staticmethod
    def _print(tail: Tail) -> None:
        known = tail.known
        if known.length < PRINT:
            known.length = max(min(tail.fed - known.start, PRINT), 0)
            known.print = fingerprint(tail.file, known.start, known.length)

    async def _whole(self, tail: Tail, size: int, sink: Sink) -> bool:
        """Read a complete file once it has stopped growing; the offset counts its records."""
        if size == tail.fed or tail.settled != size:
            tail.settled = size
            return False
        framing: WholeFraming = tail.framing  # type: ignore[assignment]  # its kind was asked

        def read() -> list[Cut]:
            with Path(tail.known.path).open("rb") as file:
                return list(framing.open(file, tail.known.offset))

        cuts = await asyncio.to_thread(read)
        tail.fed = size
        for start in range(0, len(cuts), MOST_RECORDS):
            part = cuts[start : start + MOST_RECORDS]
            tail.known.offset = part[-1].end
            records = [(f"{tail.id}:{cut.start}", cut.raw) for cut in part]
            state = {f"file/{tail.id}": msgspec.json.encode(tail.known)}
            await sink.put(Batch(records, state, backfill=not self._live))
        return bool(cuts)

    async def _end(self, key: tuple[int, int], sink: Sink, stop: Stop) -> None:
        """The file is no longer under a name of ours: read what is left, the torn line too."""
        tail = self._tails[key]
        await self._advance(tail, sink, stop)
        tail = self._tails.pop(key)
        if tail.framing.kind == "stream":
            await self._put(tail, tail.framing.finish(), sink)
        tail.file.close()
