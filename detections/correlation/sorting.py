"""Hits in the order of their events' time, however many there are: sorted runs in a temporary file, merged."""

import heapq
import tempfile
from collections.abc import Iterator
from typing import Any

import msgspec

from hinomi.hits import Hit

MOST_IN_MEMORY = 100_000


def _order(hit: Hit) -> tuple[str, str, str]:
    return hit.time, hit.event_id, hit.rule.id


class Sorted:
    """Takes hits in any order, gives them once, sorted; memory is bounded, the rest is on disk."""

    def __init__(self, most: int = MOST_IN_MEMORY):
        """Take how many are held in memory."""
        self._most = most
        self._hits: list[Hit] = []
        self._file: Any = None
        self._runs: list[tuple[int, int]] = []
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Hit).decode

    def add(self, hit: Hit) -> None:
        """Take one."""
        self._hits.append(hit)
        if len(self._hits) >= self._most:
            self._spill()

    def __iter__(self) -> Iterator[Hit]:
        """Yield them all; those on disk are read as they are asked for."""
        self._hits.sort(key=_order)
        runs = [self._run(start, end) for start, end in self._runs]
        return heapq.merge(*runs, iter(self._hits), key=_order) if runs else iter(self._hits)

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="hinomi-hits-")  # noqa: SIM115 - lives as long as this does
        self._hits.sort(key=_order)
        start = self._file.seek(0, 2)
        for hit in self._hits:
            packed = self._encode(hit)
            self._file.write(len(packed).to_bytes(4, "big") + packed)
        self._runs.append((start, self._file.tell()))
        self._hits.clear()

    def _run(self, at: int, end: int) -> Iterator[Hit]:
        while at < end:
            self._file.seek(at)
            size = int.from_bytes(self._file.read(4), "big")
            packed = self._file.read(size)
            at += 4 + size
            yield self._decode(packed)

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
