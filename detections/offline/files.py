"""What lies in a file: its records, whatever it is wrapped in. EVTX, JSON arrays, NDJSON, lines, CSV; ``.gz`` of each."""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from hinomi.collectors.framings import framings
from hinomi.collectors.framings.evtx import MAGIC
from hinomi.errors import ConfigError

SUFFIXES = (".evtx", ".json", ".jsonl", ".ndjson", ".log", ".csv", ".gz")
READ = 1 << 20
CHUNK_RECORDS = 1000
CHUNK_BYTES = 4 << 20
GZIP = b"\x1f\x8b"


class Chunk(NamedTuple):
    """Consecutive records of one file; ``first`` is the number of the first, from 0; ``read`` bytes of it are behind."""

    path: Path
    first: int
    raws: list[bytes]
    context: str | None
    read: int


def find(paths: Sequence[Path]) -> list[Path]:
    """Return the files, and those in the folders that bear a name of events.

    Raises:
        ConfigError: If one is not there.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        elif path.exists():
            found.append(path)
        else:
            raise ConfigError("no such file or folder", where=path)
    return found


def chunks(path: Path, *, framing: str = "", encoding: str = "") -> Iterator[Chunk]:
    """Yield a file's records in order, a bounded number at a time.

    Raises:
        OSError: If it cannot be read, or is damaged as a whole.
    """
    with path.open("rb") as file:
        packed = file.peek(2)[:2] == GZIP
        content = io.BufferedReader(gzip.GzipFile(fileobj=file), READ) if packed else file
        try:
            yield from _chunks(path, content, file, framing, encoding)
        except (EOFError, zlib.error) as error:
            raise OSError(f"damaged gzip: {error}") from error


def _chunks(
    path: Path, content: "io.BufferedReader[Any]", file: "io.BufferedReader[Any]", framing: str, encoding: str
) -> Iterator[Chunk]:
    head = content.peek(64)[:64]
    cutter = framings.get(framing or _kind(head, path))(encoding=encoding, context=None)
    number = 0
    if cutter.kind == "whole":
        seekable = content if content is file or not head.startswith(MAGIC) else io.BytesIO(content.read())
        cuts = cutter.open(cast(BinaryIO, seekable), 0)
        while part := list(islice(cuts, CHUNK_RECORDS)):
            yield Chunk(path, number, [cut.raw for cut in part], None, file.tell())
            number += len(part)
        return
    raws: list[bytes] = []
    size = 0
    while True:
        data = content.read(READ)
        for cut in cutter.feed(data) if data else cutter.finish():
            raws.append(cut.raw)
            size += len(cut.raw)
            if len(raws) == CHUNK_RECORDS or size >= CHUNK_BYTES:
                yield Chunk(path, number, raws, cutter.context, file.tell())
                number, raws, size = number + len(raws), [], 0
        if not data:
            break
    if raws:
        yield Chunk(path, number, raws, cutter.context, file.tell())


def _kind(head: bytes, path: Path) -> str:
    """Tell the framing by the first bytes; only CSV needs its name."""
    if head.startswith(MAGIC):
        return "evtx"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        return "json_array"
    name = path.name.lower().removesuffix(".gz")
    return "csv" if name.endswith(".csv") else "lines"
