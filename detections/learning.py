"""What is rare is learned from what comes by: a few events a second, kept compressed, counted once there are enough.

A worker gathers them from its blocks; `RuleFolders.study` has a child count, and the set that follows from it is put in
the place of the one before as any other. Once a day again. What is learned decides speed, never an answer.
"""

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence

import orjson

from hinomi.event import Event

EVERY, FEW = 1.0, 20
"""Seconds between two looks, and events that a look takes."""
ENOUGH = 5_000
AGAIN = 86_400.0
LONGEST = 65_536
_TOGETHER = 200


class Sample:
    """Events of one partition, until there are enough; a few megabytes at most."""

    def __init__(self, learned: float | None = None, *, every: float = EVERY, enough: int = ENOUGH):
        """Take when something was learned before (seconds since 1970), if ever."""
        self._every, self._enough = every, enough
        self._due = 0.0 if learned is None else learned + AGAIN
        self._looked = 0.0
        self._lines: list[bytes] = []
        self._chunks: list[bytes] = []
        self._count = 0

    def look(self, events: Sequence[Event]) -> None:
        """Take some of these events, if it is time to."""
        now = time.time()
        if not events or self.full or now < self._due or abs(now - self._looked) < self._every:
            return
        self._looked = now
        for event in events[:: max(len(events) // FEW, 1)][:FEW]:
            try:
                line = orjson.dumps(event)
            except TypeError:  # half a surrogate pair, or what JSON has not: one of many
                continue
            if len(line) <= LONGEST:
                self._lines.append(line)
                self._count += 1
        if len(self._lines) >= _TOGETHER:
            self._press()

    @property
    def full(self) -> bool:
        """Whether there are enough."""
        return self._count >= self._enough

    @property
    def chunks(self) -> Sequence[bytes]:
        """What was gathered, for `events_of`."""
        self._press()
        return self._chunks

    def begin_anew(self) -> None:
        """Let go of what was gathered; the next is, a day later."""
        self._lines, self._chunks, self._count = [], [], 0
        self._due = time.time() + AGAIN

    def _press(self) -> None:
        if self._lines:
            self._chunks.append(zlib.compress(b"\n".join(self._lines), 1))
            self._lines = []


def events_of(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events of a sample."""
    for chunk in chunks:
        for line in zlib.decompress(chunk).split(b"\n"):
            if line:
                yield orjson.loads(line)
