"""The state store on SQLite: one file (WAL, FULL); a writer holds its lock from BEGIN IMMEDIATE on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import insert

__all__ = ["READ", "insert", "migrate", "open_engine"]

#: A deferred transaction in WAL mode reads one snapshot as it is.
READ: dict[str, Any] = {}


def open_engine(url: URL) -> Engine:
    """Open the file; makes its folder."""
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    event.listen(engine, "connect", _pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def migrate(engine: Engine, is_newest: Callable[[Connection], bool], upgrade: Callable[[Connection], None]) -> None:
    """Bring the tables to the newest revision."""
    with engine.connect() as conn:
        if is_newest(conn):
            return
    with engine.connect() as conn:  # anew: Alembic begins and ends the transactions of its own
        upgrade(conn)


def _pragmas(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(conn: Connection) -> None:
    kind = "IMMEDIATE" if conn.get_execution_options().get("hinomi_write") else "DEFERRED"
    conn.exec_driver_sql(f"BEGIN {kind}")
