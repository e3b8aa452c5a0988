"""The log that never loses what it took: a SQLite file with one writer, and readers with positions.

Spool and hits log are this one class. A block has a sequence number that is never used twice
(AUTOINCREMENT: a plain key starts again at 1 after the file drains), a lane, a payload and the
number of records in it. State (a source's cursor, a reader's own position) goes into the *same*
commit as the blocks. WAL, synchronous FULL: `append` returns when the data is on the disk.
Readers hold no transaction between reads, so the WAL stays small.

A payload carries its checksum: a block that is no longer what was written is read as damaged, and the
others go on. A file that SQLite itself cannot read is an IntegrityError (`hinomi.salvage` mends it).
"""

import os
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from hinomi import log
from hinomi.errors import ConflictError, FullError, IntegrityError

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, count INTEGER NOT NULL,
    payload BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS block_lane ON block(lane, seq);
"""

#: How far numbers jump where a file has lost its newest blocks: nothing a reader may have seen is given again.
AHEAD = 1_000_000


class Entry(NamedTuple):
    """What is appended: a lane, the payload (compressed here), the records in it."""

    lane: str
    payload: bytes
    records: int


class Row(NamedTuple):
    """What is read: the same with its sequence number, the payload as it was given (None: it is damaged)."""

    seq: int
    lane: str
    payload: bytes | None
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
            make(path)
        self._turn = threading.Lock()
        with self._sound():
            self._db = self._reads = _open(path)
            if writable:  # what others see, and the writer's own looks, is only what was committed
                self._reads = _open(path)
            self.id: str = self._identity()
        self._zip = zstandard.ZstdCompressor(level=1, write_checksum=True)
        self._unzip = zstandard.ZstdDecompressor()

    def _identity(self) -> str:
        try:
            return str(self._db.execute("SELECT value FROM meta WHERE key='id'").fetchone()[0])
        except (TypeError, sqlite3.OperationalError) as error:
            raise self._damaged("its id is not there") from error

    @contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # busy, full, read-only: those pass
                raise
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> IntegrityError:
        return IntegrityError(f"this log is damaged: {why}", where=self.path, hint="serve mends it at its restart")

    def append(
        self, entries: Sequence[Entry], state: Mapping[str, bytes | None] | None = None, *, force: bool = False
    ) -> list[int]:
        """Add blocks and set (None: delete) state in one durable commit; return their numbers.

        ``force`` writes beyond the bound, for the few blocks that must never wait.

        Raises:
            FullError: If the file is at its bound; nothing was written.
            sqlite3.Error: If the disk refuses (full, read-only); nothing was written.
            IntegrityError: If the file is damaged.
        """
        if entries and not force and self.full:
            raise FullError(f"{self.path.name} is full", hint="wait for its readers, or raise spool.max_bytes")
        with self._turn, self._sound():
            return self._append(entries, state or {})

    def _append(self, entries: Sequence[Entry], state: Mapping[str, bytes | None]) -> list[int]:
        db, seqs = self._db, []
        db.execute("BEGIN IMMEDIATE")
        try:
            for lane, payload, count in entries:
                row = (lane, count, self._zip.compress(payload))
                seqs.append(db.execute("INSERT INTO block(lane, count, payload) VALUES(?,?,?)", row).lastrowid or 0)
            for key, value in state.items():
                if value is None:
                    db.execute("DELETE FROM state WHERE key=?", (key,))
                else:
                    db.execute("INSERT OR REPLACE INTO state VALUES(?,?)", (key, value))
            db.execute("COMMIT")
        finally:
            if db.in_transaction:  # whatever ended it before the commit
                db.execute("ROLLBACK")
        return seqs

    def state(self, key: str) -> bytes | None:
        """Return what the last commit that named ``key`` set, or None."""
        rows = self._rows("SELECT value FROM state WHERE key=?", (key,))
        return rows[0][0] if rows else None

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        with self._sound():
            return self._reads.execute(query, values).fetchall()

    def states(self, prefix: str) -> dict[str, bytes]:
        """Return all state whose key starts with ``prefix``."""
        return dict(self._rows("SELECT key, value FROM state WHERE substr(key,1,?)=?", (len(prefix), prefix)))

    def read(self, after: int, *, lane: str | None = None, limit: int = 64, upto: int | None = None) -> list[Row]:
        """Return at most ``limit`` blocks with numbers above ``after`` (and at most ``upto``), oldest first."""
        query = "SELECT seq, lane, payload, count FROM block WHERE seq>?"
        values: list[object] = [after]
        if lane is not None:
            query, values = query + " AND lane=?", [*values, lane]
        if upto is not None:
            query, values = query + " AND seq<=?", [*values, upto]
        rows = self._rows(query + " ORDER BY seq LIMIT ?", (*values, limit))
        return [Row(seq, ln, self._unpack(payload), count) for seq, ln, payload, count in rows]

    def _unpack(self, payload: object) -> bytes | None:
        try:
            return self._unzip.decompress(payload)  # type: ignore[arg-type]  # a damaged file may hold anything
        except (zstandard.ZstdError, TypeError, MemoryError):
            return None

    def packed(self, seq: int) -> bytes:
        """Return a block's bytes as they lie in the file: what is left of a damaged one."""
        rows = self._rows("SELECT CAST(payload AS BLOB) FROM block WHERE seq=?", (seq,))
        return bytes(rows[0][0] or b"") if rows else b""

    def trim(self, positions: Mapping[str, int]) -> int:
        """Delete, per lane, the blocks at or below its position; return how many went."""
        gone = 0
        for lane, seq in positions.items():
            if self._rows("SELECT 1 FROM block WHERE lane=? AND seq<=? LIMIT 1", (lane, seq)):
                with self._turn, self._sound():
                    gone += self._db.execute("DELETE FROM block WHERE lane=? AND seq<=?", (lane, seq)).rowcount
        return gone

    def never_below(self, seq: int) -> bool:
        """Give no number at or below ``seq``, which a reader has seen; return whether the file had lost it."""
        if self.last() >= seq:
            return False
        log.get().error("spool.went_back", file=self.path.name, last=self.last(), seen=seq)
        with self._turn, self._sound():
            self._db.execute("DELETE FROM sqlite_sequence WHERE name='block'")
            self._db.execute("INSERT INTO sqlite_sequence VALUES('block', ?)", (seq + AHEAD,))
        return True

    def waiting(self, after: int, lane: str | None = None) -> int:
        """Return the number of records in blocks above ``after``."""
        query = "SELECT COALESCE(SUM(count),0) FROM block WHERE seq>?"
        values: list[object] = [after]
        if lane is not None:
            query, values = query + " AND lane=?", [*values, lane]
        return int(self._rows(query, values)[0][0])

    def last(self) -> int:
        """Return the highest number ever given."""
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name='block'")
        return int(rows[0][0]) if rows else 0

    @property
    def bytes(self) -> int:
        """Bytes in use: pages that hold something, and the WAL."""
        page, pages, free = (
            self._rows(f"PRAGMA {name}")[0][0] for name in ("page_size", "page_count", "freelist_count")
        )
        wal = Path(f"{self.path}-wal")
        return int((pages - free) * page + (wal.stat().st_size if wal.exists() else 0))

    @property
    def full(self) -> bool:
        """Whether `append` would refuse; a WAL that readers no longer need is emptied first."""
        if self.bytes < self.max_bytes:
            return False
        with self._turn, self._sound():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return self.bytes >= self.max_bytes

    def close(self) -> None:
        """Close the file, after the commit at hand."""
        with self._turn:
            self._reads.close()
            self._db.close()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA wal_autocheckpoint=2000")
    return db


def make(path: Path, identity: str | None = None) -> None:
    """Make an empty log beside its place and move it there: readers that see the file see all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA)
        db.execute("INSERT INTO meta VALUES('id', ?)", (identity or uuid.uuid4().hex,))
    fresh.replace(path)


def save_position(folder: Path, log_id: str, reader: str, positions: Mapping[str, int]) -> None:
    """Write a reader's positions per lane, *after* its own commit is durable (write, fsync, rename).

    A disk that refuses is said and no more: a stale position only delays the writer's trimming.
    """
    path = folder / f"{log_id}.{reader}"
    temporary = path.with_suffix(f".{reader}.new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("w") as file:
            file.write("\n".join(f"{lane} {seq}" for lane, seq in sorted(positions.items())))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        log.get().error("position.not_written", reader=reader, error=error.strerror or str(error))


def newest_position(folder: Path, log_id: str) -> int:
    """Return the highest number that any reader of a log has behind it."""
    files = (path for path in folder.glob(f"{log_id}.*") if path.suffix != ".new")
    return max((seq for path in files for seq in _positions(path).values()), default=0)


def _positions(path: Path) -> dict[str, int]:
    lines = path.read_text().splitlines()
    return {lane: int(seq) for lane, _, seq in (line.rpartition(" ") for line in lines)}


def load_positions(folder: Path, log_id: str, readers: Iterable[str]) -> dict[str, int] | None:
    """Return per lane the smallest position of the named readers; None if one has written none yet."""
    smallest: dict[str, int] = {}
    for number, reader in enumerate(readers):
        try:
            own = _positions(folder / f"{log_id}.{reader}")
        except FileNotFoundError:
            return None
        smallest = own if number == 0 else {lane: min(own[lane], smallest[lane]) for lane in own.keys() & smallest}
    return smallest
