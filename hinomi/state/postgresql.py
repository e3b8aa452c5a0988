"""The state store on PostgreSQL, for more than one machine: one writer at a time here too, by an advisory lock.

Nearly every write ends in the audit chain, which has one end: row locks would only wait for each other there, in
an order that can deadlock. So a writer takes one lock first and holds it for its few milliseconds, as on SQLite;
nothing can then fail to serialise, and what is correct there is correct here (`docs/decisions`).
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import NoSuchModuleError, OperationalError, ProgrammingError

from hinomi.errors import ConfigError, HinomiError

__all__ = ["READ", "insert", "migrate", "open_engine"]

READ: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

#: One round trip: whoever waits longer than 30 s is told; whoever stops in mid-transaction loses it after a minute.
_LOCK = (
    "SELECT set_config('lock_timeout', '30s', true), set_config('idle_in_transaction_session_timeout', '60s', true),"
    f" pg_advisory_xact_lock({int.from_bytes(b'hinomi')})"
)
#: Defaults of libpq's parameters; the URL may say otherwise. A dead line is noticed in seconds, not in a quarter of an hour.
_LINE = {"connect_timeout": 5, "tcp_user_timeout": 20_000, "application_name": "hinomi"}
_POOL = {"pool_size": 4, "max_overflow": 28, "pool_pre_ping": True}

#: Columns of text that do not sort by code point yet: times, tenants and keys must, whatever the database's locale.
_UNSORTED = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(:tables)
AND a.attcollation = 'pg_catalog.default'::regcollation AND NOT a.attisdropped
"""


def open_engine(url: URL) -> Engine:
    """Make the engine; it connects at first use.

    Raises:
        ConfigError: If the driver is missing, or is another than psycopg 3.
    """
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    hint = "postgresql+psycopg://USER@HOST/DATABASE"
    if url.get_driver_name() != "psycopg":
        raise ConfigError(f"[state] url: no driver {url.drivername!r}", hint=hint)
    line = {name: value for name, value in _LINE.items() if name not in url.query}
    try:
        engine = create_engine(url, connect_args=line, isolation_level="READ COMMITTED", hide_parameters=True, **_POOL)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigError("PostgreSQL's driver is not installed", hint="pip install 'hinomi[postgres]'") from error
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _translate, retval=True)
    return engine


def migrate(engine: Engine, is_newest: Callable[[Connection], bool], upgrade: Callable[[Connection], None]) -> None:
    """Bring the tables to the newest revision, in one transaction; others who would do so wait.

    Raises:
        HinomiError: If the database cannot be reached, or cannot be used.
    """
    where = engine.url.render_as_string()  # without its password
    try:
        with engine.execution_options(hinomi_write=True).connect() as conn, conn.begin():
            _demand_utf8(conn, where)
            if not is_newest(conn):
                upgrade(conn)
            _sort_by_code_point(conn)
    except OperationalError as error:
        hint = "is PostgreSQL running, and may this role log in? (docs/howto/use-postgresql.md)"
        raise HinomiError(f"the state store cannot be reached: {error.orig}", where=where, hint=hint) from error
    except ProgrammingError as error:
        hint = "the owner of the tables makes and upgrades them (docs/howto/use-postgresql.md)"
        raise HinomiError(f"the tables cannot be brought up to date: {error.orig}", where=where, hint=hint) from error


def _begin(conn: Connection) -> None:
    if conn.get_execution_options().get("hinomi_write"):
        conn.exec_driver_sql(_LOCK)


def _translate(context: ExceptionContext) -> Exception | None:
    """Sort errors as the rest of hinomi knows them: what was given cannot be kept, or the store is away for now."""
    from psycopg import errors

    original = context.original_exception
    if isinstance(original, errors.DataError):
        return ConfigError(f"the state store cannot keep this: {original}", hint="no NUL, no number beyond its range")
    if isinstance(original, errors.InternalError):  # cut off in mid-transaction, or this is a standby by now
        return OperationalError(
            context.statement, None, original, hide_parameters=True, connection_invalidated=context.is_disconnect
        )
    return None


def _demand_utf8(conn: Connection, where: str) -> None:
    encoding = conn.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        hint = "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        raise ConfigError(f"the database's encoding is {encoding}, not UTF8", where=where, hint=hint)


def _sort_by_code_point(conn: Connection) -> None:
    from hinomi.state.tables import metadata

    quote = conn.dialect.identifier_preparer.quote
    for table, column, kind in conn.execute(text(_UNSORTED), {"tables": list(metadata.tables)}).all():
        change = f'ALTER TABLE {quote(table)} ALTER COLUMN {quote(column)} TYPE {kind} COLLATE "C"'
        conn.exec_driver_sql(change)
