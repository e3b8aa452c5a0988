"""Lines: a record ends at a newline; a longer one than the bound is cut there."""

from typing import Literal

from hinomi.collectors.framings import Cut, framings

LONGEST = 16 << 20


@framings.register("lines")
class Lines:
    """Cuts at LF (and drops a CR before it); in UTF-16 at the two-byte LF."""

    kind: Literal["stream"] = "stream"

    def __init__(self, *, encoding: str = "", context: str | None = None):
        wide = encoding.lower().replace("_", "-") in ("utf-16-le", "utf-16le", "utf-16")
        self._end = b"\n\x00" if wide else b"\n"
        self._return = b"\r\x00" if wide else b"\r"
        self._rest = b""
        self._at = 0
        self._context = context

    def feed(self, data: bytes) -> list[Cut]:
        """Return the lines that are complete now; empty ones are no records."""
        buffer = self._rest + data
        step = len(self._end)
        found: list[Cut] = []
        start, look = 0, len(self._rest) - len(self._rest) % step
        look = max(0, look - step)
        while (end := buffer.find(self._end, look)) >= 0:
            if step == 2 and (end - start) % 2:  # 0x0A as the high byte of another character
                look = end + 1
                continue
            self._take(found, buffer[start:end], start, end + step)
            start = look = end + step
        while len(buffer) - start >= LONGEST:
            self._take(found, buffer[start : start + LONGEST], start, start + LONGEST)
            start += LONGEST
        self._rest, self._at = buffer[start:], self._at + start
        return found

    def _take(self, found: list[Cut], raw: bytes, start: int, end: int) -> None:
        raw = raw.removesuffix(self._return)
        if raw.strip():
            found.append(Cut(self._at + start, self._at + end, raw))

    def between(self, cut: Cut) -> bytes:
        """Return the line's own end: a line feed, with or without a carriage return."""
        return self._end if cut.end - cut.start - len(cut.raw) == len(self._end) else self._return + self._end

    def finish(self) -> list[Cut]:
        """Return the torn last line."""
        rest, self._rest = self._rest, b""
        cut = [Cut(self._at, self._at + len(rest), rest)] if rest.strip() else []
        self._at += len(rest)
        return cut

    @property
    def context(self) -> str | None:
        """Lines have none."""
        return self._context


@framings.register("ndjson")
class Ndjson(Lines):
    """One JSON text a line."""
