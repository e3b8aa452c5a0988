"""What ends a step: done, failed, decided, received, timed out, handed over, written off; and the way back: a retry."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hinomi.clock import iso
from hinomi.errors import ConflictError
from hinomi.playbooks.engine import journal, library, messaging, rows, runs, says, steps
from hinomi.playbooks.engine.rows import Row
from hinomi.state import t
from hinomi.tenancy import Grant

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine


def finish(conn: Connection, step_id: str, state: str, outcome: str, now: datetime, **more: Any) -> None:
    """End a step for the graph."""
    rows.change(conn, t.step, step_id, state=state, outcome=outcome, done_at=iso(now), **more)


def fail(engine: "Engine", conn: Connection, step_id: str, outcome: str, error: str, now: datetime) -> None:
    """A step failed: its `on_failure` starts, or else a human is paged; then those after it start."""
    row = rows.get(conn, t.step, step_id)
    if row["state"] == "failed":
        return
    finish(conn, step_id, "failed", outcome, now, error=error)
    run = rows.get(conn, t.run, row["run"])
    incident = rows.get(conn, t.incident, run["incident"])
    text = says.failed(row["name"], error)
    journal.tell(conn, incident["id"], "action", text, now, run=run["id"], step=row["name"], outcome=outcome,
                 flow=row["flow"])  # fmt: skip
    by_hand = run["playbook"].startswith(runs.BY_HAND)
    name = None if by_hand else library.pinned(conn, run["sha256"]).step(row["name"]).on_failure
    if name is None or rows.find(conn, t.step, run=run["id"], name=name):  # what it calls for has run for another step
        messaging.page(engine, conn, incident, "failed", now, step=row)
    else:
        _instead(engine, conn, run, incident, name, outcome, now)
    runs.advance(engine, conn, run["id"], now)


def _instead(engine: "Engine", conn: Connection, run: Row, incident: Row, name: str, why: str, now: datetime) -> None:
    """Start the step that another one's failure calls for."""
    step = library.pinned(conn, run["sha256"]).step(name)
    row = rows.add(conn, t.step, run=run["id"], name=name, kind=step.kind, visit=1, flow=step.flow, state="waiting", attempt=0,
                   started_at=iso(now), action=step.do, detail={"off_path": True, "why": why})  # fmt: skip
    steps.start(steps.Turn(engine, conn, run, incident, step, row, now))


def retry(engine: "Engine", conn: Connection, run: Row, row: Row, now: datetime) -> None:
    """Try a failed step again; the vendor is asked first whether our request is there."""
    if row["kind"] != "do" or row["state"] not in ("failed", "unknown"):
        raise ConflictError(f"step {row['name']} is {row['state']}; only failed acts can be tried again")
    fresh = {"attempt": row["attempt"] + 1, "done_at": None, "state": "waiting", "outcome": None}
    rows.change(conn, t.step, row["id"], **fresh)
    steps.do.intend(engine, conn, rows.get(conn, t.incident, run["incident"]), {**row, **fresh}, now)


def write_off(conn: Connection, row: Row, grant: Grant, reason: str, now: datetime) -> None:
    """Write a step off, with everything that waits for it; a named person answers for it."""
    for wait in rows.find(conn, t.wait, step=row["id"], state="open"):
        ended = {"state": "written_off", "outcome": reason[:200], "done_at": iso(now), "by": grant.actor}
        rows.change(conn, t.wait, wait["id"], **ended)
    for effect in rows.find(conn, t.outbox, step=row["id"], state="waiting"):
        rows.change(conn, t.outbox, effect["id"], state="dead", error="written off", done_at=iso(now))
    if not row["done_at"]:
        finish(conn, row["id"], "skipped", "written_off", now, by=grant.actor)


# --- what ends a wait -----------------------------------------------------------------------------------


def decided(engine: "Engine", conn: Connection, wait: Row, choice: str, actor: str, now: datetime) -> None:
    """A decision, approval or task of a step has come."""
    row = rows.get(conn, t.step, wait["step"])
    incident = rows.get(conn, t.incident, wait["incident"])
    if wait["kind"] == "decision":
        if row["done_at"] and row["outcome"] != choice:  # it was asked again, and is otherwise by now
            runs.reconsider(conn, rows.get(conn, t.run, row["run"]), row["name"])
        finish(conn, row["id"], "done", choice, now, by=actor)
        facts = {**incident["facts"], "decisions": {**incident["facts"].get("decisions", {}), row["name"]: choice}}
        rows.change(conn, t.incident, incident["id"], facts=facts, updated_at=iso(now))
    elif wait["kind"] == "task" and row["kind"] == "decide":
        finish(conn, row["id"], "done", choice, now, by=actor)
    elif wait["kind"] == "task":
        rows.change(conn, t.step, row["id"], outcome=f"manual_{choice}", by=actor)
    elif choice == "approve":
        rows.change(conn, t.step, row["id"], by=actor)
        steps.do.intend(engine, conn, incident, {**row, "by": actor}, now)
    else:
        fail(engine, conn, row["id"], "denied", says.DENIED, now)


def received(conn: Connection, wait: Row, now: datetime) -> None:
    """The first receipt of a role: a step that waits for it is done."""
    row = rows.get(conn, t.step, wait["step"])
    if not row["done_at"] and (row["detail"] or {}).get("wait_receipt"):
        finish(conn, row["id"], "done", "received", now, by=wait["by"])


def timed_out(engine: "Engine", conn: Connection, wait: Row, now: datetime) -> None:
    """A wait with `on_timeout: continue` or `fail` has run out."""
    if wait["on_timeout"] == "fail":
        fail(engine, conn, wait["step"], "timeout", says.OVERDUE, now)
    elif not rows.get(conn, t.step, wait["step"])["done_at"]:
        finish(conn, wait["step"], "done", "timeout", now)


def handed(engine: "Engine", conn: Connection, step_id: str, now: datetime) -> None:
    """A message of a step was taken by its channel: a notify is done; a report when its file has gone out."""
    row = rows.get(conn, t.step, step_id)
    taken = row["kind"] == "notify" or (row["kind"] == "report" and row["state"] == "accepted")
    if taken and not row["done_at"] and not (row["detail"] or {}).get("wait_receipt"):
        finish(conn, step_id, "done", "handed", now)
    runs.advance(engine, conn, row["run"], now)  # the last of several messages may be what the run's end waits for
