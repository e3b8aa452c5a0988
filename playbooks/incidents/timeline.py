"""The incident's timeline: everything that happened, in order, by whom."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from hinomi.clock import iso
from hinomi.state import t

_ADD = insert(t.timeline)


def add(
    conn: Connection,
    incident: str,
    *,
    kind: str,
    actor: str,
    text: str,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """Write one entry. ``text`` is for people; ``data`` holds what reports need."""
    row = {"incident": incident, "at": iso(now), "kind": kind, "actor": actor, "text": text[:2000], "data": data or {}}
    conn.execute(_ADD, row)


def of(conn: Connection, incident: str) -> list[dict[str, Any]]:
    """Return an incident's entries, oldest first."""
    rows = conn.execute(
        select(t.timeline).where(t.timeline.c.incident == incident).order_by(t.timeline.c.at, t.timeline.c.id)
    )
    return [{k: v for k, v in row._mapping.items() if k != "incident"} for row in rows]
