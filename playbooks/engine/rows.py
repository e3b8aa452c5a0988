"""Small reads and writes that the engine's modules share: one row of a table, an effect into the outbox."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, Table, insert, select, update

from hinomi.clock import iso
from hinomi.state import new_id, t, upsert

Row = dict[str, Any]


def get(conn: Connection, table: Table, key: str) -> Row:
    """Return one row by its id; it must be there."""
    return dict(conn.execute(select(table).where(table.c.id == key)).one()._mapping)


def find(conn: Connection, table: Table, **values: Any) -> list[Row]:
    """Return the rows in which all these columns have these values (a list: any of them)."""
    asked = select(table)
    for name, value in values.items():
        column = table.c[name]
        asked = asked.where(
            column.in_(value)
            if isinstance(value, list | tuple)
            else column.is_(None)
            if value is None
            else column == value
        )
    return of(conn, asked)


def of(conn: Connection, asked: Select[Any]) -> list[Row]:
    """Return the rows of a query."""
    return [dict(row._mapping) for row in conn.execute(asked)]


def change(conn: Connection, table: Table, key: str, **values: Any) -> None:
    """Write columns of one row."""
    conn.execute(update(table).where(table.c.id == key).values(**values))


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
    return (
        conn.execute(upsert(conn, t.outbox).values(**row).on_conflict_do_nothing(index_elements=["key"])).rowcount > 0
    )


def add(conn: Connection, table: Table, **values: Any) -> Row:
    """Insert a row with a new id; return it."""
    row = {"id": new_id(), **values}
    conn.execute(insert(table).values(**row))
    return row
