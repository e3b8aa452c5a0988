"""CSV: a record is a row; a newline inside quotes is not its end. The first row is the header, unless it holds a time.

Bytes are cut before they are decoded: in CP932, EUC-JP and UTF-8 neither 0x22 (quote) nor 0x0A is ever
the second byte of a character, so both can be looked for as bytes.
"""

import re
from typing import Literal

from hinomi.collectors.decoding import decode
from hinomi.collectors.framings import Cut, framings
from hinomi.collectors.framings.lines import Lines

MOST_LINES, MOST_BYTES = 1000, 1 << 20
"""A quoted value that is longer was none: each line is a row by itself."""
BEFORE = b",\t;"

#: A cell that starts with a date is an act's; no header names its columns so.
_TIME = re.compile(r"(?:^|[,\t;])[ \"]*\d{4}[-/年]\d{1,2}[-/月]\d{1,2}")


@framings.register("csv")
class Csv:
    """Cuts rows; the header becomes the context and is no record."""

    kind: Literal["stream"] = "stream"

    def __init__(self, *, encoding: str = "", context: str | None = None):
        self._encoding = encoding
        self._lines = Lines(encoding=encoding)
        self._held: list[Cut] = []
        self._size, self._open = 0, False
        self._context = context

    def feed(self, data: bytes) -> list[Cut]:
        """Return the rows that are complete now."""
        found: list[Cut] = []
        for line in self._lines.feed(data):
            self._held.append(line)
            self._size += len(line.raw)
            self._open = _stays_open(line.raw, inside=self._open)
            if not self._open:
                found.append(self._join())
            elif self._size >= MOST_BYTES or len(self._held) >= MOST_LINES:  # that quote opened nothing
                found += self._held
                self._held, self._size, self._open = [], 0, False
        return self._without_header(found)

    def _join(self) -> Cut:
        held, self._held, self._size, self._open = self._held, [], 0, False
        if len(held) == 1:
            return held[0]
        raw = b"".join(part.raw + self._lines.between(part) for part in held[:-1]) + held[-1].raw
        return Cut(held[0].start, held[-1].end, raw)

    def _without_header(self, rows: list[Cut]) -> list[Cut]:
        if self._context is not None or not rows:
            return rows
        first = decode(rows[0].raw, self._encoding).text.lstrip("\ufeff")
        if _TIME.search(first):
            self._context = ""  # an export without a header: no act of it may be lost
            return rows
        self._context = first
        return rows[1:]

    def finish(self) -> list[Cut]:
        """Return what is left as a last row."""
        self._held += self._lines.finish()
        return self._without_header([self._join()]) if self._held else []

    @property
    def context(self) -> str | None:
        """The header's text; empty if the file has none, None until that is known."""
        return self._context


def _stays_open(line: bytes, *, inside: bool) -> bool:
    """Tell whether a quoted value is still open at the end of a line; a quote opens one only where a value begins."""
    at = 0
    while (quote := line.find(b'"', at)) >= 0:
        at = quote + 1
        if not inside:
            inside = quote == 0 or line[quote - 1] in BEFORE
        elif line[at : at + 1] == b'"':  # doubled: the character itself
            at += 1
        else:
            inside = False
    return inside
