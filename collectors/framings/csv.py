"""CSV: a record is a row; a newline inside quotes is not its end. The first row is the header, unless it holds a time.

Bytes are cut before they are decoded: in CP932, EUC-JP and UTF-8 neither 0x22 (quote) nor 0x0A is ever
the second byte of a character, so both can be looked for as bytes.
"""

import re
from typing import Literal

from hinomi.collectors.decoding import decode
from hinomi.collectors.framings import Cut, framings
from hinomi.collectors.framings.lines import LONGEST, Lines

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
        self._quotes = 0
        self._context = context

    def feed(self, data: bytes) -> list[Cut]:
        """Return the rows that are complete now."""
        found = []
        for cut in self._lines.feed(data):
            self._held.append(cut)
            self._quotes += cut.raw.count(b'"')
            size = sum(len(part.raw) for part in self._held)
            if self._quotes % 2 == 0 or size >= LONGEST:
                found.append(self._join())
        return self._without_header(found)

    def _join(self) -> Cut:
        held, self._held, self._quotes = self._held, [], 0
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
