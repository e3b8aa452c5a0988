"""Acts by hand: one step in a run of its own, on the device's open incident or a new one, with the same guarantees."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hinomi.clock import iso
from hinomi.directory import Device
from hinomi.errors import ConfigError, ConflictError, RefusedError
from hinomi.playbooks.actions import actions
from hinomi.playbooks.engine import guards, holds, journal, rows, runs, says, steps
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.incidents import incidents
from hinomi.playbooks.vendors import Request
from hinomi.state import new_id, t
from hinomi.tenancy import Grant

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine


def _device(engine: "Engine", conn: Connection, ref: str, action: str, grant: Grant, vendor: str) -> tuple[Device, str]:
    """Return a device, and the product that acts on it: the one that is named, or the only one that can.

    A release goes to the product that was last seen to hold the device.
    """
    device = engine.directory(conn).the_device(ref, grant.tenant)
    known = [name for name in engine.adapters if name in device.vendors]
    can = [name for name in known if action in engine.adapters[name].capabilities()]
    if not can:
        why = f"none of {', '.join(known)} can do {action}" if known else "no product that is configured knows it"
        raise ConflictError(f"{device.id}: {why}", hint="[vendors.…] in hinomi.toml, vendors in devices.csv")
    if vendor and vendor not in can:
        raise ConfigError(
            f"{vendor!r} is no product that can do {action} on {device.id}", hint=f"known: {', '.join(can)}"
        )
    if vendor or len(can) == 1:
        return device, vendor or can[0]
    seen = holds.observed(conn, device.id) if action == "endpoint.release" else None
    if seen and seen["vendor"] in can:
        return device, seen["vendor"]
    raise ConflictError(f"{device.id} is known to {' and '.join(can)}", hint=f"say which: --vendor {can[0]}")


def plan(engine: "Engine", conn: Connection, ref: str, action: str, grant: Grant, vendor: str = "") -> Request:
    """Return the request that would be sent."""
    device, vendor = _device(engine, conn, ref, action, grant, vendor)
    target = {"device": device.id, "machine": device.vendors[vendor]}
    return engine.adapters[vendor].plan(actions.get(action)().intent(target, f"[hinomi:{device.tenant}/by-hand]"))


def act(
    engine: "Engine", conn: Connection, ref: str, action: str, grant: Grant, reason: str, now: datetime,
    vendor: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Isolate or release one device.

    Raises:
        RefusedError: If the kill switch is on, or the device is protected (isolate).
        ConflictError: If incidents hold it (release): their playbooks release it; or if several products know it and
            ``vendor`` names none.
    """
    device, vendor = _device(engine, conn, ref, action, grant, vendor)
    grant.demand("act", device.tenant)
    if guards.killswitch(conn):
        raise RefusedError("the kill switch is on", hint="hinomi killswitch off --reason …")
    if action == "endpoint.isolate" and device.protected:
        raise RefusedError(
            f"{device.id} is protected", hint="cut it off at its own console, with the head of the ICT section"
        )
    incident = _incident(engine, conn, device, action, grant, reason, now)
    target = {"device": device.id, "machine": device.vendors[vendor]}
    run = rows.add(conn, t.run, incident=incident["id"], tenant=device.tenant, playbook=f"{runs.BY_HAND}-{new_id()[:8]}", sha256="", mode="live",
                   state="running", rev=0, started_at=iso(now))  # fmt: skip
    verb = action.partition(".")[2]
    tag = f"[hinomi:{device.tenant}/{incident['id']}/{run['id']}:{verb}:1]"
    row = rows.add(
        conn, t.step, run=run["id"], name=verb, kind="do", visit=1, flow=None, state="waiting", attempt=0, started_at=iso(now), action=action,
        target=target, vendor=vendor, tag=tag, by=grant.actor, detail={"within": 900, "wanted": actions.get(action).verifies, "wait_verify": True},
    )  # fmt: skip
    detail = {"reason": reason, "incident": incident["number"]}
    journal.prove(conn, f"host.{verb}", f"host:{device.id}", device.tenant, now, actor=grant.actor, **detail)
    steps.do.intend(engine, conn, incident, row, now)
    if action == "endpoint.release" and rows.get(conn, t.step, row["id"])["outcome"] == "held_by_others":
        raise ConflictError("other incidents hold it", hint="hinomi host state shows them; their playbooks release it")
    return {
        "device": device.id,
        "action": action,
        "vendor": vendor,
        "run": run["id"],
        "incident": incident["number"],
        "tag": tag,
    }


def _incident(
    engine: "Engine", conn: Connection, device: Device, action: str, grant: Grant, reason: str, now: datetime
) -> Row:
    if action == "endpoint.release":
        held = holds.holders(conn, device.id)
        if not held:
            raise ConflictError(f"nobody holds {device.id}", hint="it was isolated elsewhere: release it there")
        return rows.get(conn, t.incident, held[-1]["incident"])
    opened = rows.find(conn, t.incident, host=device.id, status="open")
    if opened:
        return opened[-1]
    made = incidents.open_incident(
        conn, now=now, actor=grant.actor, tenant=device.tenant, entity=f"host:{device.id}", host=device.id, category="intrusion", cause="external",
        severity="high", title=f"Isolated by hand: {reason}"[:200], title_ja=says.isolated_by_hand(reason)[:200], on_change=lambda *_: None,
    )  # fmt: skip
    return rows.get(conn, t.incident, made)
