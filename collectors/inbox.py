"""What has arrived over a network and is not yet durable, bounded in bytes.

One reader takes it out in batches; while it writes one, the next gathers. Who can make its sender wait (TCP) waits
here for room; who cannot (UDP) is told no, and counts.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple


class Arrived(NamedTuple):
    """A message and the address that it came from."""

    sender: str
    raw: bytes


class Inbox:
    """Messages of one source on their way to its sink."""

    def __init__(self, most: int = 8 << 20):
        """Bound it: ``most`` bytes, and what those who wait have handed over already."""
        self._most = most
        self._held: deque[Arrived] = deque()
        self._size = 0
        self._closed = False
        self._arrived, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    def offer(self, sender: str, raw: bytes) -> bool:
        """Take a message, if there is room."""
        if self._size >= self._most:
            return False
        self.keep(sender, raw)
        return True

    async def put(self, sender: str, raws: Iterable[bytes]) -> None:
        """Take messages, and return when there is room for more: what was handed over is never lost by waiting."""
        for raw in raws:
            self.keep(sender, raw)
        await self._room.wait()

    def keep(self, sender: str, raw: bytes) -> None:
        """Take a message, room or not: the last of a sender that is gone."""
        self._held.append(Arrived(sender, raw))
        self._size += len(raw)
        self._arrived.set()
        if self._size >= self._most:
            self._room.clear()

    async def take(self, records: int, size: int) -> list[Arrived]:
        """Return what has arrived, at most so many records and about so many bytes; empty once closed and empty."""
        while not self._held and not self._closed:
            self._arrived.clear()
            await self._arrived.wait()
        taken: list[Arrived] = []
        while self._held and len(taken) < records and size > 0:
            message = self._held.popleft()
            taken.append(message)
            size -= len(message.raw)
            self._size -= len(message.raw)
        if self._size < self._most:
            self._room.set()
        return taken

    def close(self) -> None:
        """Let `take` end when all is taken."""
        self._closed = True
        self._arrived.set()
