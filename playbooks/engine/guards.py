"""What must hold before a device is cut off without a human (DESIGN 4), and what nobody may switch around.

Each check returns the reason (`says.REASONS`) why a human must say yes; an empty answer lets it happen.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from hinomi.clock import iso, parse_iso
from hinomi.directory import Device
from hinomi.playbooks.incidents.queries import in_subtree
from hinomi.settings import Guards
from hinomi.state import get_setting, t
from hinomi.tenancy import municipality

KILLSWITCH = "killswitch"
_STATE = select(t.run.c.state).where(t.run.c.id == bindparam("key"))


def killswitch(conn: Connection) -> bool:
    """Whether all acts on devices are switched off."""
    return bool(get_setting(conn, KILLSWITCH, False))


def paused(conn: Connection, run: str | None) -> bool:
    """Whether a run is paused: it sends nothing more, nobody is reminded, and what was sent is still looked after."""
    return run is not None and conn.execute(_STATE, {"key": run}).scalar() == "paused"


def why_not(conn: Connection, guards: Guards, incident: Mapping[str, Any], device: Device, now: datetime) -> str:
    """Return why the device may not be isolated automatically now; empty if it may."""
    if killswitch(conn):
        return "killswitch"
    if device.protected:
        return "protected"
    if reason := _evidence(conn, guards, incident):
        return reason
    return _caps(conn, guards, device, now)


def _evidence(conn: Connection, guards: Guards, incident: Mapping[str, Any]) -> str:
    """At least one alert of the incident must fulfil every condition; name what the nearest one lacks."""
    alerts = conn.execute(select(t.alert).where(t.alert.c.incident == incident["id"])).all()
    reasons = [_alert(guards, alert) for alert in alerts]
    if not reasons:
        return "no_alert"
    order = ("", "event_age", "backfill", "host_unknown", "source_not_trusted", "rule_does_not_contain")
    return min(reasons, key=order.index)


def _alert(guards: Guards, alert: Any) -> str:
    if alert.contain != "auto":
        return "rule_does_not_contain"
    if not alert.trusted:
        return "source_not_trusted"
    if not alert.host_known:
        return "host_unknown"
    if alert.backfill:
        return "backfill"
    received = parse_iso(alert.received_at)
    moment = parse_iso(alert.created or alert.first_seen)
    oldest, newest = (
        received - timedelta(minutes=guards.oldest_minutes),
        received + timedelta(minutes=guards.ahead_minutes),
    )
    return "" if oldest <= moment <= newest else "event_age"


def _caps(conn: Connection, guards: Guards, device: Device, now: datetime) -> str:
    since = iso(now - timedelta(hours=1))
    for subtree, limit in (
        (device.tenant, guards.school_per_hour),
        (municipality(device.tenant), guards.municipality_per_hour),
    ):
        asked = select(func.count(t.hold.c.device.distinct())).where(
            (t.hold.c.since > since) & (t.hold.c.device != device.id)
        )
        if conn.execute(in_subtree(asked, t.hold, subtree)).scalar_one() >= limit:
            return "cap"
    return ""
