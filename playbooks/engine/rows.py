"""Small reads and writes that the engine's modules share: one row of a table, an effect into the outbox."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Insert, Select, Table, Update, bindparam, insert, select, update

from hinomi.clock import iso
from hinomi.state import add_once, new_id, t

Row = dict[str, Any]
EQUAL, SEVERAL, NONE = "=", "in", "null"
KEY = "row_key"


def get(conn: Connection, table: Table, key: str) -> Row:
    """Return one row by its id; it must be there."""
    return dict(conn.execute(_query(table, (("id", EQUAL),)), {"id": key}).one()._mapping)


def find(conn: Connection, table: Table, **values: Any) -> list[Row]:
    """Return the rows in which all these columns have these values (a list: any of them)."""
    shape = tuple(
        (name, SEVERAL if isinstance(v, list | tuple) else NONE if v is None else EQUAL) for name, v in values.items()
    )
    given = {name: value for name, value in values.items() if value is not None}
    return [dict(row._mapping) for row in conn.execute(_query(table, shape), given)]


@lru_cache(maxsize=512)
def _query(table: Table, shape: tuple[tuple[str, str], ...]) -> Select[Any]:
    """Return a query by columns, to be given their values: to write one anew each time costs more than to run it."""
    asked = select(table)
    for name, kind in shape:
        column = table.c[name]
        if kind == NONE:
            asked = asked.where(column.is_(None))
        else:
            given = bindparam(name, expanding=kind == SEVERAL, type_=column.type)
            asked = asked.where(column.in_(given) if kind == SEVERAL else column == given)
    return asked


def of(conn: Connection, asked: Select[Any]) -> list[Row]:
    """Return the rows of a query."""
    return [dict(row._mapping) for row in conn.execute(asked)]


def change(conn: Connection, table: Table, key: str, **values: Any) -> None:
    """Write columns of one row."""
    conn.execute(_update(table), {**values, KEY: key})


@lru_cache(maxsize=64)
def _update(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam(KEY))


def enqueue(
    conn: Connection,
    kind: str,
    key: str,
    body: Mapping[str, Any],
    now: datetime,
    *,
    run: str | None = None,
    step: str | None = None,
    incident: str | None = None,
    tenant: str = "",
    urgent: bool = False,
    delay: float = 0.0,
) -> bool:
    """Put an effect into the outbox, once: a second one with the same key is not taken. Return whether it was."""
    row = {
        "id": new_id(), "kind": kind, "key": key, "run": run, "step": step, "incident": incident, "tenant": tenant, "body": dict(body),
        "urgent": urgent, "due_at": iso(now + timedelta(seconds=delay)), "created_at": iso(now),
    }  # fmt: skip
    return add_once(conn, t.outbox, "key", row)


def add(conn: Connection, table: Table, **values: Any) -> Row:
    """Insert a row with a new id; return it."""
    row = {"id": new_id(), **values}
    conn.execute(_insert(table), row)
    return row


@lru_cache(maxsize=64)
def _insert(table: Table) -> Insert:
    return insert(table)
