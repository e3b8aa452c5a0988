"""The outbox's rows: which are due, whose they are for now, and how they end.

A row is leased by counting its fence up; whoever comes back with an older fence changes nothing any more.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, desc, func, or_, select, update

from hinomi.clock import iso, parse_iso
from hinomi.playbooks.engine import guards, rows
from hinomi.playbooks.engine.rows import Row
from hinomi.state import t

LEASE = timedelta(seconds=60)
LOOK = 64
"""Rows that are looked at together."""
SENDS = ("action", "message", "report")
"""Kinds that a paused run holds back; what was sent goes on being verified."""
PAUSED = "the run is paused"
PAUSED_LOOK = 60.0
"""Seconds after which a held-back row is looked at again; resuming its run makes it due at once."""


def _open(now: datetime, owner: str, running: Collection[str]) -> Any:
    """What ``owner`` may take: what is due, what somebody left for too long, what itself left in a former life."""
    table = t.outbox
    left = or_(table.c.lease_until <= iso(now), table.c.lease_owner == owner)
    free = or_(and_(table.c.state == "waiting", table.c.due_at <= iso(now)), and_(table.c.state == "leased", left))
    return and_(free, table.c.id.not_in(list(running)))


def due(conn: Connection, now: datetime, owner: str, running: Collection[str], room: int) -> list[str]:
    """Return the rows to take now: all that are urgent, and as many others as there is room for."""
    query = select(t.outbox.c.id, t.outbox.c.urgent).where(_open(now, owner, running))
    found = conn.execute(query.order_by(desc(t.outbox.c.urgent), t.outbox.c.due_at).limit(LOOK)).all()
    return [row.id for row in found if row.urgent] + [row.id for row in found if not row.urgent][:room]


def still_due(conn: Connection, key: str, now: datetime, owner: str, running: Collection[str]) -> Row | None:
    """Return a row that may still be taken; it may have changed since it was looked at."""
    row = conn.execute(select(t.outbox).where((t.outbox.c.id == key) & _open(now, owner, running))).first()
    return dict(row._mapping) if row else None


def take(conn: Connection, row: Row, now: datetime, owner: str) -> Row | None:
    """Lease a row; None if another executor was faster."""
    values = {
        "state": "leased", "lease_owner": owner, "lease_until": iso(now + LEASE), "fence": row["fence"] + 1, "tries": row["tries"] + 1,
    }  # fmt: skip
    mine = (t.outbox.c.id == row["id"]) & (t.outbox.c.fence == row["fence"])
    taken = conn.execute(update(t.outbox).where(mine).values(**values)).rowcount
    return {**row, **values} if taken else None


def mine(conn: Connection, row: Row) -> bool:
    """Tell whether a leased row is still ours: nobody has taken it since."""
    found = conn.execute(select(t.outbox.c.fence, t.outbox.c.state).where(t.outbox.c.id == row["id"])).one()
    return bool(found.fence == row["fence"] and found.state == "leased")


def done(conn: Connection, row: Row, now: datetime, error: str | None = None) -> None:
    """End a row."""
    rows.change(conn, t.outbox, row["id"], state="dead" if error else "done", error=error, done_at=iso(now))


def again(
    conn: Connection, row: Row, now: datetime, seconds: float, error: str, body: Mapping[str, Any] | None = None
) -> None:
    """Let a row wait for another try."""
    values = {"body": dict(body)} if body is not None else {}
    due_at = iso(now + timedelta(seconds=seconds))
    rows.change(conn, t.outbox, row["id"], state="waiting", error=error[:500], due_at=due_at, **values)


def held_back(conn: Connection, row: Row, now: datetime, *, sent: bool) -> bool:
    """Let a row of a paused run wait; tell whether it does. What was ``sent`` must be looked for whatever else is so."""
    held = row["kind"] in SENDS and not sent and guards.paused(conn, row["run"])
    if held:
        again(conn, row, now, PAUSED_LOOK, PAUSED)
    return held


def resume(conn: Connection, run: str, now: datetime) -> None:
    """Make due what a pause has held back."""
    held = (t.outbox.c.run == run) & (t.outbox.c.state == "waiting") & (t.outbox.c.error == PAUSED)
    conn.execute(update(t.outbox).where(held).values(due_at=iso(now), error=None))


def next_due(conn: Connection, now: datetime) -> float | None:
    """Return the seconds until the next row is due; None if nothing waits."""
    moment = conn.execute(select(func.min(t.outbox.c.due_at)).where(t.outbox.c.state == "waiting")).scalar_one_or_none()
    return None if moment is None else max((parse_iso(moment) - now).total_seconds(), 0.0)


def has_due(conn: Connection, now: datetime) -> bool:
    """Tell whether something is due now."""
    waiting = (t.outbox.c.state == "waiting") & (t.outbox.c.due_at <= iso(now))
    return conn.execute(select(t.outbox.c.id).where(waiting).limit(1)).first() is not None


def set_back(conn: Connection, now: datetime) -> None:
    """The clock was set back: what was due, or nearly, must not wait until it has caught up."""
    late = (t.outbox.c.state == "waiting") & (t.outbox.c.due_at > iso(now))
    conn.execute(update(t.outbox).where(late).values(due_at=iso(now)))
