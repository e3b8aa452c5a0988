"""The outbox's rows: which are due, whose they are for now, and how they end.

A row is leased by counting its fence up; whoever comes back with an older fence changes nothing any more.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, desc, func, or_, select, update

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


_left = or_(t.outbox.c.lease_until <= bindparam("now"), t.outbox.c.lease_owner == bindparam("owner"))
_waits = (t.outbox.c.state == "waiting") & (t.outbox.c.due_at <= bindparam("now"))
#: What an owner may take: what is due, what somebody left for too long, what itself left in a former life.
_OPEN = or_(_waits, (t.outbox.c.state == "leased") & _left) & t.outbox.c.id.not_in(bindparam("running", expanding=True))
_DUE = (
    select(t.outbox.c.id, t.outbox.c.urgent)
    .where(_OPEN)
    .order_by(desc(t.outbox.c.urgent), t.outbox.c.due_at)
    .limit(LOOK)
)
_STILL = select(t.outbox).where(_OPEN & t.outbox.c.id.in_(bindparam("keys", expanding=True)))
_TAKE = (
    update(t.outbox)
    .where(t.outbox.c.id.in_(bindparam("keys", expanding=True)))
    .values(state="leased", lease_owner=bindparam("owner"), lease_until=bindparam("until"),
            fence=t.outbox.c.fence + 1, tries=t.outbox.c.tries + 1)
)  # fmt: skip
_MINE = select(t.outbox.c.fence, t.outbox.c.state).where(t.outbox.c.id == bindparam("key"))
_NEXT = select(func.min(t.outbox.c.due_at)).where(t.outbox.c.state == "waiting")
_NEXT_URGENT = _NEXT.where(t.outbox.c.urgent)
_ANY = select(t.outbox.c.id).where(_waits).limit(1)


def due(conn: Connection, now: datetime, owner: str, running: Collection[str], room: int) -> list[str]:
    """Return the rows to take now: all that are urgent, and as many others as there is room for."""
    found = conn.execute(_DUE, {"now": iso(now), "owner": owner, "running": list(running)}).all()
    return [row.id for row in found if row.urgent] + [row.id for row in found if not row.urgent][:room]


def still_due(conn: Connection, keys: Sequence[str], now: datetime, owner: str, running: Collection[str]) -> list[Row]:
    """Return those of these rows that may still be taken, in this order; they may have changed since they were looked at."""
    given = {"keys": list(keys), "now": iso(now), "owner": owner, "running": list(running)}
    found = {row.id: dict(row._mapping) for row in conn.execute(_STILL, given)}
    return [found[key] for key in keys if key in found]


def take(conn: Connection, taken: Sequence[Row], now: datetime, owner: str) -> list[Row]:
    """Lease rows that were looked at in this very transaction, which holds the writer's lock: nobody was faster."""
    until = iso(now + LEASE)
    conn.execute(_TAKE, {"keys": [row["id"] for row in taken], "owner": owner, "until": until})
    new = {"state": "leased", "lease_owner": owner, "lease_until": until}
    return [{**row, **new, "fence": row["fence"] + 1, "tries": row["tries"] + 1} for row in taken]


def mine(conn: Connection, row: Row) -> bool:
    """Tell whether a leased row is still ours: nobody has taken it since."""
    found = conn.execute(_MINE, {"key": row["id"]}).one()
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


def next_due(conn: Connection, now: datetime, *, urgent: bool = False) -> float | None:
    """Return the seconds until the next row (that is ``urgent``) is due; None if nothing waits."""
    moment = conn.execute(_NEXT_URGENT if urgent else _NEXT).scalar_one_or_none()
    return None if moment is None else max((parse_iso(moment) - now).total_seconds(), 0.0)


def has_due(conn: Connection, now: datetime) -> bool:
    """Tell whether something is due now."""
    return conn.execute(_ANY, {"now": iso(now)}).first() is not None


def set_back(conn: Connection, now: datetime) -> None:
    """The clock was set back: what was due, or nearly, must not wait until it has caught up."""
    late = (t.outbox.c.state == "waiting") & (t.outbox.c.due_at > iso(now))
    conn.execute(update(t.outbox).where(late).values(due_at=iso(now)))
