"""Files that grow: tailed by polling, known by identity and not by name (CONTRACTS 1).

A file is its inode while it lives, bound to a random id and to the hash of its first bytes after the
header. Renamed: the same. Truncated, or other content: a new one, from its start. A new inode with known
content: the old one moved, or its copy (then only what is beyond). A torn last line waits for its end.
A file that has lost its name is followed until it has been quiet for a while: its writer may not know yet.
"""

import asyncio
import glob
import hashlib
import os
import stat
import time
import uuid
from asyncio import Event as Stop
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from hinomi import log
from hinomi.collectors.framings import Cut, StreamFraming, WholeFraming, framings
from hinomi.collectors.sources import Batch, Sink, SourceContext, own_settings, sources

CHUNK = 1 << 20
PRINT = 4096
MOST_RECORDS = 5000
PACKED = b"\x1f\x8b"


class FileSettings(BaseModel):
    """Keys of a source of kind file."""

    model_config = ConfigDict(extra="forbid")

    path: str | list[str] = Field(description="Path or glob, or several; relative to the settings file.")
    poll: float = Field(default=0.25, gt=0, description="Seconds between looks.")
    linger: float = Field(
        default=10.0, ge=0, description="Seconds that a renamed or deleted file is followed after it went quiet."
    )


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
    device: int | None
    settled: float = 0.0
    written: int = 0
    """When it was last written to, as it was last looked at."""
    quiet_since: float | None = None
    """Once it has no name of ours any more: since when nothing came from it."""


def fingerprint(file: BinaryIO, start: int, length: int) -> str:
    """Return the hash of ``length`` bytes from ``start``."""
    return hashlib.blake2b(os.pread(file.fileno(), length, start), digest_size=16).hexdigest()


@sources.register("file")
class FileSource:
    """All files that fit the paths."""

    keys = FileSettings

    def __init__(self, context: SourceContext):
        self.own = own_settings(FileSettings, context)
        paths = [self.own.path] if isinstance(self.own.path, str) else self.own.path
        self.patterns = [str(context.all.base / path) for path in paths]
        self.name, self.settings = context.name, context.settings
        self._framing = framings.get(context.settings.framing)
        self._tails: dict[tuple[int, int], Tail] = {}
        self._known: dict[str, Known] = {}
        self._live = False
        self._said: dict[str, str] = {}

    async def run(self, sink: Sink, stop: Stop) -> None:
        """Follow the files until ``stop``."""
        self._known = {
            key.removeprefix("file/"): msgspec.json.decode(value, type=Known)
            for key, value in sink.states("file/").items()
        }
        self._live = sink.state("live") is not None
        try:
            while not stop.is_set():
                moved = await self._look(sink, stop)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0 if moved else self.own.poll):
                        await stop.wait()
        finally:
            for tail in self._tails.values():
                tail.file.close()
            self._tails.clear()

    async def _look(self, sink: Sink, stop: Stop) -> bool:
        """Read what is new in every file; return whether there was anything."""
        present = self._present()
        moved = False
        for key, path in present.items():
            try:
                tail = self._tails.get(key) or self._open(key, path, present)
                if tail is not None:
                    tail.known.path, tail.quiet_since = path, None
                    moved = await self._advance(tail, sink, stop) or moved
            except OSError as error:  # this one cannot be read now; the others can
                self._say(path, error)
                self._close(key)
            if stop.is_set():
                return False
        for key in [key for key in self._tails if key not in present]:
            try:
                await self._linger(key, sink, stop)
            except OSError as error:
                self._say(self._tails[key].known.path, error)
                self._close(key)
        if not self._live and not moved and self._tails:
            self._live = True
            await sink.put(Batch((), {"live": b"1"}))
        return moved

    def _present(self) -> dict[tuple[int, int], str]:
        found: dict[tuple[int, int], str] = {}
        for pattern in self.patterns:
            for path in sorted(glob.glob(pattern)):  # noqa: PTH207 - Path.glob takes no absolute patterns
                try:
                    status = os.stat(path)  # noqa: PTH116 - a hot path
                except FileNotFoundError:
                    continue
                except OSError as error:
                    self._say(path, error)
                    continue
                if stat.S_ISREG(status.st_mode):
                    found.setdefault((status.st_dev, status.st_ino), path)
                else:
                    self._say(path, "not a file")
        return found

    def _say(self, path: str, problem: OSError | str) -> None:
        """Log what is wrong with a file, once until it is something else."""
        reason = problem if isinstance(problem, str) else problem.strerror or str(problem)
        if self._said.get(path) != reason:
            self._said[path] = reason
            log.get().error("file.unreadable", source=self.name, error=reason)

    def _close(self, key: tuple[int, int]) -> None:
        if tail := self._tails.pop(key, None):
            tail.file.close()

    # --- identity ---------------------------------------------------------------------------------

    def _open(self, key: tuple[int, int], path: str, present: dict[tuple[int, int], str]) -> Tail | None:
        file = Path(path).open("rb")  # noqa: SIM115 - it stays open
        status = os.fstat(file.fileno())
        if os.pread(file.fileno(), 2, 0) == PACKED:
            file.close()
            self._say(path, "packed with gzip: not read, for its lines came while it was plain")
            return None
        self._said.pop(path, None)
        key = (status.st_dev, status.st_ino)
        file_id, known = self._identify(file, key, status.st_size, path, present)
        for other in [other for other, tail in self._tails.items() if tail.id == file_id]:
            self._close(other)  # it was copied here and deleted there: it goes on here
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
        if not known.length:  # nothing was taken of it yet
            return True
        return size >= known.offset and fingerprint(file, known.start, known.length) == known.print

    def _tail(self, file_id: str, file: BinaryIO, known: Known) -> Tail:
        self._known[file_id] = known
        framing = self._framing(encoding=self.settings.encoding, context=known.context)
        return Tail(file_id, file, known, framing, known.offset, known.offset, _device(known.path))

    def _renew(self, tail: Tail) -> Tail:
        """The content is another: the old file ends here, a new one begins."""
        log.get().info("file.truncated", source=self.name)
        self._known[tail.id] = msgspec.structs.replace(
            tail.known, dev=0, ino=0
        )  # a copy of it may be under another name
        status = os.fstat(tail.file.fileno())
        fresh = self._tail(uuid.uuid4().hex, tail.file, Known(status.st_dev, status.st_ino, tail.known.path))
        self._tails[status.st_dev, status.st_ino] = fresh
        return fresh

    # --- reading ----------------------------------------------------------------------------------

    async def _advance(self, tail: Tail, sink: Sink, stop: Stop) -> bool:
        status = os.fstat(tail.file.fileno())
        size = status.st_size
        if size == tail.fed and status.st_mtime_ns == tail.written:
            return False
        if not self._same(tail.file, tail.known, size) or (tail.framing.kind == "stream" and size < tail.fed):
            old = tail.id
            tail = self._renew(tail)
            await sink.put(Batch((), {f"file/{old}": msgspec.json.encode(self._known[old])}))
        if tail.framing.kind == "whole":
            return await self._whole(tail, status, sink)
        tail.written = status.st_mtime_ns
        if size == tail.fed:
            return False
        while tail.fed < size and not stop.is_set():
            data = await asyncio.to_thread(os.pread, tail.file.fileno(), CHUNK, tail.fed)
            if not data:
                break
            tail.fed += len(data)
            await self._put(tail, tail.framing.feed(data), sink)
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

    async def _whole(self, tail: Tail, status: os.stat_result, sink: Sink) -> bool:
        """Read a complete file once it has stopped growing; the offset counts its records."""
        size = status.st_size
        if tail.settled != size:
            tail.settled = size
            return False
        framing: WholeFraming = tail.framing  # type: ignore[assignment]  # its kind was asked
        tail.fed, tail.written = size, status.st_mtime_ns
        self._print(tail)
        found = False
        with os.fdopen(os.dup(tail.file.fileno()), "rb") as file:
            file.seek(0)
            cuts = framing.open(file, tail.known.offset)
            while part := await asyncio.to_thread(_take, cuts):
                found = True
                tail.known.offset = part[-1].end
                records = [(f"{tail.id}:{cut.start}", cut.raw) for cut in part]
                state = {f"file/{tail.id}": msgspec.json.encode(tail.known)}
                await sink.put(Batch(records, state, backfill=not self._live))
        return found

    async def _linger(self, key: tuple[int, int], sink: Sink, stop: Stop) -> None:
        """The file is no longer under a name of ours: follow it until it is quiet, then take the torn line too."""
        tail = self._tails[key]
        if await self._advance(tail, sink, stop) or tail.quiet_since is None:
            self._tails[key].quiet_since = time.monotonic()
            return
        if _device(tail.known.path) != tail.device:  # its folder is gone: an unmounted share, which may come back
            self._close(key)
            return
        if time.monotonic() - tail.quiet_since < self.own.linger:
            return
        tail = self._tails[key]
        if tail.framing.kind == "stream":
            await self._put(tail, tail.framing.finish(), sink)
        self._close(key)


def _take(cuts: Iterator[Cut]) -> list[Cut]:
    """Return the next records, as many as make a batch."""
    part, size = list[Cut](), 0
    for cut in cuts:
        part.append(cut)
        size += len(cut.raw)
        if len(part) == MOST_RECORDS or size >= CHUNK:
            break
    return part


def _device(path: str) -> int | None:
    """Return what a path's folder lies on, or None if it is not there."""
    try:
        return Path(path).parent.stat().st_dev
    except OSError:
        return None
