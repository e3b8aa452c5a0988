"""Syslog over a stream, RFC 6587: octet counting only where it says ``LEN SP <PRI>``, else lines.

Page: rfc-editor.org/rfc/rfc6587 (3.4). A count that does not end where a next message begins is a lie (or counts
characters); its message then ends at a line feed or at the next count, and keeps the count that it came with.
"""

import re
from typing import Literal

from hinomi.collectors.framings import Cut, framings

LONGEST = 65_536

_COUNT = re.compile(rb"([1-9]\d{0,8}) <\d{1,3}>")
#: What may still become one, at the end of what has arrived.
_TORN_COUNT = re.compile(rb"[1-9]\d{0,8}(?: (?:<\d{0,3})?)?\Z")
#: What may stand behind a message that was counted.
_NEXT = re.compile(rb"\Z|[<\r\n]|[1-9]\d{0,8}(?:\Z| (?:\Z|<))")


@framings.register("syslog")
class Syslog:
    """Cuts messages; one that is longer than the bound is cut there."""

    kind: Literal["stream"] = "stream"

    def __init__(self, *, encoding: str = "", context: str | None = None, longest: int = LONGEST):
        self._rest = b""
        self._at = 0
        self._longest = longest
        self._context = context

    def feed(self, data: bytes) -> list[Cut]:
        """Return the messages that are complete now; empty lines are none."""
        return self._cut(self._rest + data, last=False)

    def finish(self) -> list[Cut]:
        """Return what is left, a torn message too."""
        return self._cut(self._rest, last=True)

    @property
    def context(self) -> str | None:
        """Messages have none."""
        return self._context

    @property
    def torn(self) -> int:
        """How many bytes of a message wait for its end."""
        return len(self._rest)

    def _cut(self, buffer: bytes, *, last: bool) -> list[Cut]:
        found: list[Cut] = []
        at = 0
        while at < len(buffer):
            piece = self._counted(buffer, at, last) if 0x31 <= buffer[at] <= 0x39 else self._line(buffer, at, at, last)
            if piece is None:
                break
            start, stop, end = piece
            if raw := buffer[start:stop].removesuffix(b"\r"):
                found.append(Cut(self._at + at, self._at + end, raw))
            at = end
        self._rest, self._at = buffer[at:], self._at + at
        return found

    def _counted(self, buffer: bytes, at: int, last: bool) -> tuple[int, int, int] | None:
        """Return (start, stop, end) of a message that begins with a digit; None if it must wait."""
        count = _COUNT.match(buffer, at)
        if count is None:
            return None if not last and _TORN_COUNT.match(buffer, at) else self._line(buffer, at, at, last)
        start = count.end(1) + 1
        end = start + int(count[1])
        if end - start <= self._longest:
            if end <= len(buffer) and _NEXT.match(buffer, end):
                return start, end, end
            if end > len(buffer) and not last:
                return None
        return self._line(buffer, at, count.end(), last, counts=True)

    def _line(
        self, buffer: bytes, at: int, look: int, last: bool, *, counts: bool = False
    ) -> tuple[int, int, int] | None:
        bound = min(len(buffer), at + self._longest)
        stop = buffer.find(b"\n", look, bound + 1)
        if counts and (count := _COUNT.search(buffer, look, stop if stop >= 0 else bound)):
            return at, count.start(), count.start()
        if stop >= 0:
            return at, stop, stop + 1
        return (at, bound, bound) if last or len(buffer) - at > self._longest else None
