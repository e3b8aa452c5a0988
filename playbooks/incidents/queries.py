"""What lists share: the caller's subtree, filters, newest first by number, a cursor."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, Table, desc, or_, select

from hinomi.errors import ConfigError, NotFoundError
from hinomi.state import t
from hinomi.tenancy import Grant, within

MOST = 2**31 - 1
"""Numbers that people read aloud are smaller."""


def in_subtree(asked: Select[Any], table: Table, tenant: str) -> Select[Any]:
    """Return the question, within a tenant's subtree only."""
    if not tenant:
        return asked
    return asked.where(or_(table.c.tenant == tenant, table.c.tenant.startswith(tenant + "/", autoescape=True)))


def page(
    conn: Connection, table: Table, grant: Grant, filters: Mapping[str, Any], *, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return (rows, next cursor) of a table with a ``number``."""
    asked = in_subtree(select(table), table, grant.tenant).order_by(desc(table.c.number)).limit(limit)
    for name, value in filters.items():
        if value is None:
            continue
        if name == "tenant":
            asked = in_subtree(asked, table, str(value))
        elif name == "since":
            asked = asked.where(table.c.updated_at >= value)
        else:
            asked = asked.where(table.c[name] == value)
    if cursor is not None:
        if not cursor.isdigit():
            raise ConfigError(f"{cursor!r} is no cursor", hint="take it from the last page's answer")
        asked = asked.where(table.c.number < min(int(cursor[:10]), MOST))
    rows = [dict(row._mapping) for row in conn.execute(asked)]
    return rows, str(rows[-1]["number"]) if len(rows) == limit else None


def one(conn: Connection, table: Table, grant: Grant, ref: str, what: str) -> dict[str, Any]:
    """Return one row by number or id.

    Raises:
        NotFoundError: If there is none in the caller's subtree.
    """
    key = table.c.number == int(ref) if ref.isdigit() and len(ref) < 10 else table.c.id == ref
    row = conn.execute(select(table).where(key)).first()
    if row is None or not within(row.tenant, grant.tenant):
        raise NotFoundError(f"no {what} {ref!r}", hint=f"hinomi {what} list")
    return dict(row._mapping)


def with_numbers(conn: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that hold an incident's id, each with the number by which people know it."""
    wanted = {row["incident"] for row in rows if row["incident"]}
    asked = select(t.incident.c.id, t.incident.c.number).where(t.incident.c.id.in_(wanted))
    numbers = {row.id: row.number for row in conn.execute(asked)}
    return [{**row, "incident_number": numbers.get(row["incident"])} for row in rows]
