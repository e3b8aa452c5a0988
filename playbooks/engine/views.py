"""What lists and pages show of runs, waits and devices; never more than the caller's subtree."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, desc, select, tuple_

from hinomi.clock import parse_iso
from hinomi.directory import Directory
from hinomi.directory import load as load_directory
from hinomi.playbooks.engine import holds, library, rows, runs
from hinomi.playbooks.incidents import queries
from hinomi.playbooks.messages import names
from hinomi.state import t
from hinomi.tenancy import Grant, within


def list_runs(
    conn: Connection,
    grant: Grant,
    *,
    state: str | None = None,
    incident: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return (runs, next cursor), newest first."""
    grant.demand("read")
    asked = queries.in_subtree(select(t.run), t.run, grant.tenant)
    asked = asked.order_by(desc(t.run.c.started_at), desc(t.run.c.id)).limit(limit)
    if cursor:
        asked = asked.where(tuple_(t.run.c.started_at, t.run.c.id) < tuple_(*cursor.partition(" ")[::2]))
    if state:
        asked = asked.where(t.run.c.state == state)
    if incident:
        asked = asked.where(t.run.c.incident == _incident(conn, grant, incident))
    found = queries.with_numbers(conn, [dict(row._mapping) for row in conn.execute(asked)])
    return found, f"{found[-1]['started_at']} {found[-1]['id']}" if len(found) == limit else None


def _incident(conn: Connection, grant: Grant, ref: str) -> str:
    return str(queries.one(conn, t.incident, grant, ref, "incident")["id"])


def show_run(conn: Connection, grant: Grant, run_id: str) -> dict[str, Any]:
    """Return one run with its steps, its waits, and how each was answered."""
    grant.demand("read")
    run = runs.visible(conn, grant, run_id)
    steps = sorted(rows.find(conn, t.step, run=run_id), key=lambda row: row["started_at"])
    waits = sorted(rows.find(conn, t.wait, run=run_id), key=lambda row: row["opened_at"])
    people = load_directory(conn)
    for wait in waits:
        wait["receipts"] = rows.find(conn, t.receipt, wait=wait["id"]) if wait["kind"] == "receipt" else []
        wait["decisions"] = rows.find(conn, t.decision, wait=wait["id"])
        wait["by_name"] = names.who(wait["by"], people)
    named = [{**step, "by_name": names.who(step["by"], people)} for step in steps]
    return {**queries.with_numbers(conn, [run])[0], "steps": named, "waits": waits, "graph": _graph(conn, run)}


def _graph(conn: Connection, run: rows.Row) -> list[dict[str, Any]]:
    """Return the steps of a run's playbook with what they come after, those that have not started too."""
    if run["playbook"].startswith(runs.BY_HAND):
        return []
    playbook = library.pinned(conn, run["sha256"])
    return [
        {"name": step.id, "kind": step.kind, "flow": step.flow, "after": playbook.after(step), "off_path": step.off_path, "on_failure": step.on_failure,
         "if": step.condition, "role": step.by or step.notify or (step.approve.role if step.approve else "")}
        for step in playbook.steps
    ]  # fmt: skip


def list_waits(
    conn: Connection, grant: Grant, *, kind: str, state: str | None = "open", incident: str | None = None
) -> list[dict[str, Any]]:
    """Return waits of a kind, oldest first, with the people a receipt was sent to."""
    grant.demand("read")
    asked = (
        queries.in_subtree(select(t.wait), t.wait, grant.tenant)
        .where(t.wait.c.kind == kind)
        .order_by(t.wait.c.opened_at)
    )
    if state:
        asked = asked.where(t.wait.c.state == state)
    if incident:
        asked = asked.where(t.wait.c.incident == _incident(conn, grant, incident))
    found = [dict(row._mapping) for row in conn.execute(asked)]
    for wait in found:
        if kind == "receipt":
            wait["receipts"] = rows.find(conn, t.receipt, wait=wait["id"])
    return found


def show_host(conn: Connection, grant: Grant, directory: Directory, ref: str, now: datetime) -> dict[str, Any]:
    """Return what is known of one device: observed state with its age, who holds it, what is under way."""
    grant.demand("read")
    device = directory.the_device(ref, grant.tenant)
    seen = holds.observed(conn, device.id)
    open_steps = [
        {"step": row["name"], "action": row["action"], "state": row["state"], "error": row["error"], "run": row["run"]}
        for row in rows.find(conn, t.step, state=["intent", "sent", "accepted", "waiting", "failed"])
        if (row["target"] or {}).get("device") == device.id
    ]
    return {
        "id": device.id, "name": device.name, "tenant": device.tenant, "school": directory.tenant_name(device.tenant), "asset_no": device.asset_no,
        "owner": device.owner, "owner_name": names.named(device.owner, directory),
        "protected": device.protected, "vendors": device.vendors, "state": seen["state"] if seen else "not observed",
        "observed_at": seen["observed_at"] if seen else None, "age": age(seen["observed_at"], now) if seen else None,
        "detail": seen["detail"] if seen else "", "holds": [
            {name: h[name] for name in ("incident_number", "incident", "owner", "since", "review_at")}
            for h in queries.with_numbers(conn, holds.holders(conn, device.id))
        ], "actions": open_steps,
    }  # fmt: skip


def age(observed_at: str, now: datetime) -> str:
    """Return how old an observation is: ``12s``, ``3m``, ``2h``, ``4d``."""
    seconds = max(int((now - parse_iso(observed_at)).total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def list_hosts(
    conn: Connection,
    grant: Grant,
    directory: Directory,
    now: datetime,
    *,
    state: str | None = None,
    tenant: str | None = None,
) -> list[dict[str, Any]]:
    """Return the devices of the subtree with what was last observed of them."""
    grant.demand("read")
    seen = {row["device"]: row for row in rows.find(conn, t.device_state)}
    held: dict[str, int] = {}
    for hold in rows.find(conn, t.hold, released_at=None):
        held[hold["device"]] = held.get(hold["device"], 0) + 1
    found = []
    for device in directory.devices:
        if not within(device.tenant, grant.tenant) or (tenant and not within(device.tenant, tenant)):
            continue
        look = seen.get(device.id)
        row = {
            "id": device.id, "name": device.name, "tenant": device.tenant, "protected": device.protected, "holds": held.get(device.id, 0),
            "state": look["state"] if look else "not observed", "observed_at": look["observed_at"] if look else None,
            "age": age(look["observed_at"], now) if look else None,
        }  # fmt: skip
        if state is None or row["state"] == state:
            found.append(row)
    return found
