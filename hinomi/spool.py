"""The log that never loses what it took: a SQLite file with one writer, and readers with positions.

Spool and hits log are this one class. A block has a sequence number that is never used twice
(AUTOINCREMENT: a plain key starts again at 1 after the file drains), a lane, a payload and the
number of records in it. State (a source's cursor, a reader's own position) goes into the *same*
commit as the blocks. WAL, synchronous FULL: `append` returns when the data is on the disk.
Readers hold no transaction between reads, so the WAL stays small.
"""

import os
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import zstandard

from hinomi.errors import ConflictError, FullError

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, count INTEGER NOT NULL,
    payload BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS block_lane ON block(lane, seq);
"""


class Entry(NamedTuple):
    """What is appended: a lane, the payload (compressed here), the records in it."""

    lane: str
    payload: bytes
    records: int


class Row(NamedTuple):
    """What is read: the same with its sequence number, the payload as it was given."""

    seq: int
    lane: str
    payload: bytes
    records: int


class Log:
    """One file of blocks. Open it ``writable`` in one process only; any number may read."""

    def __init__(self, path: Path, *, max_bytes: int = 1 << 30, writable: bool = False):
        """Open the file, making it if ``writable``; a bound of ``max_bytes`` counts its WAL too."""
        self.path = path
        self.max_bytes = max_bytes
        if not writable and not path.exists():
            raise ConflictError("this log is not there yet", where=path, hint="its writer makes it at start")
        if writable and not path.exists():
            _make(path)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA wal_autocheckpoint=2000")
        self.id: str = self._db.execute("SELECT value FROM meta WHERE key='id'").fetchone()[0]
        self._zip = zstandard.ZstdCompressor(level=1)
        self._unzip = zstandard.ZstdDecompressor()

    def append(
        self, entries: Sequence[Entry], state: Mapping[str, bytes | None] | None = None, *, force: bool = False
    ) -> list[int]:
        """Add blocks and set (None: delete) state in one durable commit; return their numbers.

        ``force`` writes beyond the bound, for the few blocks that must never wait.

        Raises:
            FullError: If the file is at its bound; nothing was written.
            sqlite3.Error: If the disk refuses (full, read-only); nothing was written.
        """
        if entries and not force and self.full:
            raise FullError(f"{self.path.name} is full", hint="wait for its readers, or raise spool.max_bytes")
        db, seqs = self._db, []
        db.execute("BEGIN IMMEDIATE")
        try:
            for lane, payload, count in entries:
                row = (lane, count, self._zip.compress(payload))
                seqs.append(db.execute("INSERT INTO block(lane, count, payload) VALUES(?,?,?)", row).lastrowid or 0)
            for key, value in (state or {}).items():
                if value is None:
                    db.execute("DELETE FROM state WHERE key=?", (key,))
                else:
                    db.execute("INSERT OR REPLACE INTO state VALUES(?,?)", (key, value))
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return seqs

    def state(self, key: str) -> bytes | None:
        """Return what the last commit that named ``key`` set, or None."""
        row = self._db.execute("SELECT value FROM state WHERE key=?", (key,)).fetchone()
        return row[0] if row else None

    def states(self, prefix: str) -> dict[str, bytes]:
        """Return all state whose key starts with ``prefix``."""
        rows = self._db.execute("SELECT key, value FROM state WHERE substr(key,1,?)=?", (len(prefix), prefix))
        return dict(rows.fetchall())

    def read(self, after: int, *, lane: str | None = None, limit: int = 64, upto: int | None = None) -> list[Row]:
        """Return at most ``limit`` blocks with numbers above ``after`` (and at most ``upto``), oldest first."""
        query = "SELECT seq, lane, payload, count FROM block WHERE seq>?"
        values: list[object] = [after]
        if lane is not None:
            query, values = query + " AND lane=?", [*values, lane]
        if upto is not None:
            query, values = query + " AND seq<=?", [*values, upto]
        rows = self._db.execute(query + " ORDER BY seq LIMIT ?", (*values, limit)).fetchall()
        return [Row(seq, ln, self._unzip.decompress(payload), count) for seq, ln, payload, count in rows]

    def trim(self, positions: Mapping[str, int]) -> int:
        """Delete, per lane, the blocks at or below its position; return how many went."""
        gone = 0
        for lane, seq in positions.items():
            if self._db.execute("SELECT 1 FROM block WHERE lane=? AND seq<=? LIMIT 1", (lane, seq)).fetchone():
                gone += self._db.execute("DELETE FROM block WHERE lane=? AND seq<=?", (lane, seq)).rowcount
        return gone

    def waiting(self, after: int, lane: str | None = None) -> int:
        """Return the number of records in blocks above ``after``."""
        query = "SELECT COALESCE(SUM(count),0) FROM block WHERE seq>?"
        values: list[object] = [after]
        if lane is not None:
            query, values = query + " AND lane=?", [*values, lane]
        return int(self._db.execute(query, values).fetchone()[0])

    def last(self) -> int:
        """Return the highest number ever given."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name='block'").fetchone()
        return int(row[0]) if row else 0

    @property
    def bytes(self) -> int:
        """Bytes in use: pages that hold something, and the WAL."""
        page, pages, free = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        wal = Path(f"{self.path}-wal")
        return int((pages - free) * page + (wal.stat().st_size if wal.exists() else 0))

    @property
    def full(self) -> bool:
        """Whether `append` would refuse; a WAL that readers no longer need is emptied first."""
        if self.bytes < self.max_bytes:
            return False
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return self.bytes >= self.max_bytes

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _make(path: Path) -> None:
    """Make an empty log beside its place and move it there: readers that see the file see all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA)
        db.execute("INSERT INTO meta VALUES('id', ?)", (uuid.uuid4().hex,))
    fresh.replace(path)


def save_position(folder: Path, log_id: str, reader: str, positions: Mapping[str, int]) -> None:
    """Write a reader's positions per lane, *after* its own commit is durable (write, fsync, rename)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{log_id}.{reader}"
    temporary = path.with_suffix(f".{reader}.new")
    with temporary.open("w") as file:
        file.write("\n".join(f"{lane} {seq}" for lane, seq in sorted(positions.items())))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_positions(folder: Path, log_id: str, readers: Iterable[str]) -> dict[str, int] | None:
    """Return per lane the smallest position of the named readers; None if one has written none yet."""
    smallest: dict[str, int] = {}
    for number, reader in enumerate(readers):
        try:
            lines = (folder / f"{log_id}.{reader}").read_text().splitlines()
        except FileNotFoundError:
            return None
        own = {lane: int(seq) for lane, _, seq in (line.rpartition(" ") for line in lines)}
        smallest = own if number == 0 else {lane: min(own[lane], smallest[lane]) for lane in own.keys() & smallest}
    return smallest


def log_id(path: Path) -> str | None:
    """Return the id of a log file without opening it for long, or None if it is not there."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        row = db.execute("SELECT value FROM meta WHERE key='id'").fetchone()
        return str(row[0]) if row else None
