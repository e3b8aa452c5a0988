"""Who holds a device isolated. It is released when the last holder lets go, and never silently by time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from hinomi.clock import iso
from hinomi.playbooks.engine import journal, messaging, rows, says
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.vendors import Observation
from hinomi.state import t, upsert

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

REVIEW = timedelta(hours=24)


def take(
    conn: Connection, device: str, incident: Mapping[str, Any], owner: str, now: datetime, *, adopted: bool = False
) -> None:
    """Hold a device for an incident; twice is once."""
    if rows.find(conn, t.hold, device=device, incident=incident["id"], released_at=None):
        return
    rows.add(conn, t.hold, device=device, tenant=incident["tenant"], incident=incident["id"], owner=owner, since=iso(now),
             review_at=iso(now + REVIEW), adopted=adopted)  # fmt: skip


def adopt(conn: Connection, device: str, incident: str) -> None:
    """Mark an incident's hold as one of a state that others made, unless another incident of ours holds it too."""
    if all(hold["incident"] == incident for hold in holders(conn, device)):
        key = (t.hold.c.device == device) & (t.hold.c.incident == incident) & t.hold.c.released_at.is_(None)
        conn.execute(update(t.hold).where(key).values(adopted=True))


def review(engine: "Engine", conn: Connection, hold: Row, now: datetime) -> None:
    """Remind people of a hold whose review is due; the next one is a day later. It is never released by time."""
    incident = rows.get(conn, t.incident, hold["incident"])
    rows.change(conn, t.hold, hold["id"], review_at=iso(now + REVIEW))
    key = f"review:{hold['id']}:{hold['review_at']}"
    messaging.send_first(engine, conn, ("operator", "operator_lead"), "hold_review", incident, now, key=key)
    journal.tell(conn, incident["id"], "reminder", says.HOLD_REVIEW, now, device=hold["device"])


def holders(conn: Connection, device: str) -> list[Row]:
    """Return the open holds of a device."""
    return rows.find(conn, t.hold, device=device, released_at=None)


def let_go(conn: Connection, device: str, incident: str, now: datetime) -> None:
    """End an incident's hold."""
    key = (t.hold.c.device == device) & (t.hold.c.incident == incident) & t.hold.c.released_at.is_(None)
    conn.execute(update(t.hold).where(key).values(released_at=iso(now)))


def observe(conn: Connection, device: str, vendor: str, observation: Observation) -> None:
    """Keep what was last seen of a device; an older look never replaces a newer one."""
    known = conn.execute(
        select(t.device_state.c.observed_at).where(t.device_state.c.device == device)
    ).scalar_one_or_none()
    if known and known > observation.observed_at:
        return
    values = {
        "state": observation.state,
        "observed_at": observation.observed_at,
        "vendor": vendor,
        "detail": observation.detail,
    }
    add = upsert(conn, t.device_state).values(device=device, **values)
    conn.execute(add.on_conflict_do_update(index_elements=["device"], set_=values))


def observed(conn: Connection, device: str) -> Row | None:
    """Return what was last seen of a device."""
    row = conn.execute(select(t.device_state).where(t.device_state.c.device == device)).first()
    return dict(row._mapping) if row else None
