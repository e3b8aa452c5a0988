"""Mends a damaged log: what can still be read goes into a fresh file with the same id and numbers.

Nobody may have the file open. The damaged one is kept beside it; positions of readers, here and in the
event store, stay valid, so what they have behind them does not come again, and the rest comes once.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hinomi.spool import AHEAD, make, newest_position

DAMAGE = sqlite3.DatabaseError
MAGIC = b"SQLite format 3\0"
PAGE = 4096
MOST_PAGES = 1 << 24


@dataclass(frozen=True)
class Salvaged:
    """What came of it: blocks that are kept, numbers that could not be read, where the damaged file lies."""

    kept: int
    lost: int
    aside: Path


def is_sound(path: Path) -> bool:
    """Tell whether SQLite finds the whole file in order (it reads all of it)."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            db.execute("SELECT value FROM meta WHERE key='id'").fetchone()[0]
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        except (DAMAGE, TypeError):
            return False


def salvage(path: Path, positions: Path) -> Salvaged:
    """Move the file aside and fill a fresh one in its place; ``positions`` is the folder of readers' positions."""
    aside = _move_aside(path)
    _make_readable(aside)
    with closing(sqlite3.connect(aside, isolation_level=None)) as old:
        found = _value(old, "SELECT value FROM meta WHERE key='id'")
        identity = str(found) if found else None
        seen = newest_position(positions, identity) if identity else 0
        last = max(int(_value(old, query) or 0) for query in _LAST)
        fresh = path.with_suffix(".mended")
        fresh.unlink(missing_ok=True)
        make(fresh, identity)
        with closing(sqlite3.connect(fresh, isolation_level=None)) as new:
            kept, lost = _carry(old, new, last)
            new.execute("DELETE FROM sqlite_sequence WHERE name='block'")
            new.execute("INSERT INTO sqlite_sequence VALUES('block', ?)", (max(last, seen) + AHEAD,))
    fresh.replace(path)
    return Salvaged(kept, lost, aside)


_LAST = (
    "SELECT seq FROM sqlite_sequence WHERE name='block'",
    "SELECT seq FROM block ORDER BY seq DESC LIMIT 1",
    "SELECT seq FROM block ORDER BY seq LIMIT 1",
)


def _move_aside(path: Path) -> Path:
    folder = path.parent / "damaged"
    folder.mkdir(exist_ok=True)
    aside = folder / f"{path.stem}-{time.time_ns()}.db"
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside


def _make_readable(path: Path) -> None:
    """Have SQLite open it at all: a first page like that of any log, and as many pages as it says there are."""
    if _opens(path):
        return
    fresh = path.with_suffix(".head")
    make(fresh)
    with path.open("r+b") as file:
        head, size = file.read(PAGE), file.seek(0, 2)
        pages = max(int.from_bytes(head[28:32], "big"), size // PAGE)
        if head.startswith(MAGIC) and pages < MOST_PAGES:
            file.truncate(pages * PAGE)
    if not _opens(path):
        first = bytearray(fresh.read_bytes()[:PAGE])
        first[28:32] = max(size // PAGE, 1).to_bytes(4, "big")
        first[32:40] = bytes(8)  # the list of free pages is lost: they stay unused
        with path.open("r+b") as file:
            file.write(first)
    fresh.unlink()


def _opens(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as db:
            db.execute("SELECT 1 FROM meta").fetchone()
    except DAMAGE:
        return False
    return True


def _value(db: sqlite3.Connection, query: str) -> Any:
    with suppress(DAMAGE):
        row = db.execute(query).fetchone()
        return row[0] if row else None
    return None


def _carry(old: sqlite3.Connection, new: sqlite3.Connection, last: int) -> tuple[int, int]:
    """Copy state and blocks, each block by its number: damage to one page hides only what lies on it."""
    kept = lost = 0
    new.execute("BEGIN")
    new.executemany("INSERT OR IGNORE INTO state VALUES(?,?)", _state(old))
    first = int(_value(old, _LAST[2]) or 1)
    for seq in range(first, last + 1):
        try:
            row = old.execute("SELECT seq, lane, count, payload FROM block WHERE seq=?", (seq,)).fetchone()
            if row is not None:
                new.execute("INSERT INTO block VALUES(?,?,?,?)", row)
                kept += 1
        except DAMAGE:
            lost += 1
    new.execute("COMMIT")
    return kept, lost


def _state(db: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """Yield what can be read of the state, from both of its ends."""
    for order in ("ASC", "DESC"):
        with suppress(DAMAGE):
            yield from db.execute(f"SELECT key, value FROM state ORDER BY key {order}")  # noqa: S608 - two words of ours
