"""The state store: SQLAlchemy on SQLite (WAL, FULL, BEGIN IMMEDIATE), made and upgraded by Alembic."""

import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.dialects.sqlite import insert

from hinomi.state import tables as t

__all__ = ["State", "get_setting", "new_id", "next_number", "set_setting", "t"]


class _Turns:
    """A lock that is given in the order it was asked for: SQLite's own waiting lets a busy writer overtake for ever."""

    def __init__(self) -> None:
        self._inner = threading.Lock()
        self._queue: deque[threading.Event] = deque()
        self._taken = False

    def __enter__(self) -> None:
        with self._inner:
            if not self._taken:
                self._taken = True
                return
            turn = threading.Event()
            self._queue.append(turn)
        turn.wait()

    def __exit__(self, *_: object) -> None:
        with self._inner:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._taken = False


class State:
    """An open state store. ``write()`` is one short transaction; ``read()`` sees one snapshot."""

    def __init__(self, url: str):
        """Open the database at an SQLAlchemy URL; makes the folder of a SQLite file."""
        self.url = url
        self._turns = _Turns()
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self.engine: Engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _pragmas)
            event.listen(self.engine, "begin", _begin)

    def migrate(self) -> None:
        """Make the tables, or bring them to the newest revision."""
        from alembic import command
        from alembic.config import Config

        with as_file(files("hinomi.state") / "migrations") as scripts, self.engine.connect() as conn:
            config = Config()
            config.set_main_option("script_location", str(scripts))
            config.attributes["connection"] = conn
            command.upgrade(config, "head")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that holds the write lock from its start; commits at the end."""
        with self._turns, self.engine.execution_options(hinomi_begin="IMMEDIATE").connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read-only look at one snapshot."""
        with self.engine.connect() as conn:
            yield conn

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _pragmas(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(conn: Connection) -> None:
    kind = conn.get_execution_options().get("hinomi_begin", "DEFERRED")
    conn.exec_driver_sql(f"BEGIN {kind}")


def new_id() -> str:
    """Return 16 random characters, for rows and tags."""
    return secrets.token_hex(8)


def next_number(conn: Connection, name: str) -> int:
    """Return the next number of a counter, starting at 1; numbers of a rolled-back transaction come again."""
    add = insert(t.counter).values(name=name, value=1)
    add = add.on_conflict_do_update(index_elements=["name"], set_={"value": t.counter.c.value + 1})
    conn.execute(add)
    return int(conn.execute(select(t.counter.c.value).where(t.counter.c.name == name)).scalar_one())


def get_setting(conn: Connection, key: str, default: Any = None) -> Any:
    """Return a small setting that people change while it runs."""
    value = conn.execute(select(t.setting.c.value).where(t.setting.c.key == key)).scalar_one_or_none()
    return default if value is None else value


def set_setting(conn: Connection, key: str, value: Any, changed_at: str) -> None:
    """Set it."""
    add = insert(t.setting).values(key=key, value=value, changed_at=changed_at)
    conn.execute(add.on_conflict_do_update(index_elements=["key"], set_={"value": value, "changed_at": changed_at}))
