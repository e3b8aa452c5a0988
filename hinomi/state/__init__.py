"""The state store: SQLAlchemy on SQLite or PostgreSQL, one writer at a time, made and upgraded by Alembic."""

import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.resources import as_file, files
from typing import Any

from sqlalchemy import Connection, Engine, Table, column, inspect, make_url, select, table
from sqlalchemy.exc import ArgumentError

from hinomi.errors import ConfigError
from hinomi.state import tables as t

__all__ = ["State", "add_once", "get_setting", "new_id", "next_number", "set_setting", "t", "upsert"]

#: What differs between databases: a module each (`open_engine`, `migrate`, `insert`, options to `READ` one snapshot).
DIALECTS = ("sqlite", "postgresql")


_VERSION = table("alembic_version", column("version_num"))


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


def _dialect(name: str) -> Any:
    return import_module(f"hinomi.state.{name}")


class State:
    """An open state store. ``write()`` is one short transaction; ``read()`` sees one snapshot."""

    def __init__(self, url: str):
        """Open the database at an SQLAlchemy URL.

        Raises:
            ConfigError: If the URL is none, or names a database that is not known here.
        """
        self.url = url
        self._turns = _Turns()
        hint = "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigError("[state] url is no SQLAlchemy URL", hint=hint) from error
        if parsed.get_backend_name() not in DIALECTS:
            raise ConfigError(f"[state] url: no state store on {parsed.get_backend_name()!r}", hint=hint)
        self._dialect = _dialect(parsed.get_backend_name())
        self.engine: Engine = self._dialect.open_engine(parsed)
        self._reading = self.engine.execution_options(**self._dialect.READ)
        self._writing = self.engine.execution_options(hinomi_write=True)

    def migrate(self) -> None:
        """Make the tables, or bring them to the newest revision."""
        self._dialect.migrate(self.engine, _is_newest, _upgrade)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that holds the write lock from its start; commits at the end."""
        with self._turns, self._writing.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read-only look at one snapshot."""
        with self._reading.connect() as conn:
            yield conn

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _upgrade(conn: Connection) -> None:
    from alembic import command  # nearly always not needed, and takes longer to be imported than a look at the revision
    from alembic.config import Config

    with as_file(files("hinomi.state") / "migrations") as scripts:
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def _is_newest(conn: Connection) -> bool:
    """Tell whether the tables are of the newest revision: the number that its file's name begins with."""
    if not inspect(conn).has_table(_VERSION.name):
        return False
    scripts = (files("hinomi.state") / "migrations" / "versions").iterdir()
    newest = max(script.name.partition("_")[0] for script in scripts if script.name[0].isdigit())
    return list(conn.execute(select(_VERSION.c.version_num)).scalars()) == [newest]


def upsert(conn: Connection, table: Table) -> Any:
    """Return the database's own INSERT, which knows ``on_conflict_do_update`` and ``on_conflict_do_nothing``."""
    return _dialect(conn.dialect.name).insert(table)


@lru_cache(maxsize=64)
def _unless_there(dialect: str, table: Table, column: str) -> Any:
    return _dialect(dialect).insert(table).on_conflict_do_nothing(index_elements=[column])


def add_once(conn: Connection, table: Table, column: str, row: dict[str, Any]) -> bool:
    """Insert a row unless one has the same value in a unique column; return whether it was inserted."""
    return bool(conn.execute(_unless_there(conn.dialect.name, table, column), row).rowcount > 0)


def new_id() -> str:
    """Return 16 random characters, for rows and tags."""
    return secrets.token_hex(8)


def next_number(conn: Connection, name: str) -> int:
    """Return the next number of a counter, starting at 1; numbers of a rolled-back transaction come again."""
    add = upsert(conn, t.counter).values(name=name, value=1)
    add = add.on_conflict_do_update(index_elements=["name"], set_={"value": t.counter.c.value + 1})
    conn.execute(add)
    return int(conn.execute(select(t.counter.c.value).where(t.counter.c.name == name)).scalar_one())


def get_setting(conn: Connection, key: str, default: Any = None) -> Any:
    """Return a small setting that people change while it runs."""
    value = conn.execute(select(t.setting.c.value).where(t.setting.c.key == key)).scalar_one_or_none()
    return default if value is None else value


def set_setting(conn: Connection, key: str, value: Any, changed_at: str) -> None:
    """Set it."""
    add = upsert(conn, t.setting).values(key=key, value=value, changed_at=changed_at)
    conn.execute(add.on_conflict_do_update(index_elements=["key"], set_={"value": value, "changed_at": changed_at}))
