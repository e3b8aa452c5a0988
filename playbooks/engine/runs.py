"""Runs: which incidents start which playbooks, and which step is next. Everything is rows, nothing is memory."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, delete, select

from hinomi.clock import iso
from hinomi.errors import ConflictError, NotFoundError
from hinomi.playbooks.engine import journal, leases, library, rooms, rows, says, steps
from hinomi.playbooks.engine.model import Match, Playbook, Step
from hinomi.playbooks.engine.rows import Row
from hinomi.state import t
from hinomi.tenancy import Grant, within

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

_ASKED = (t.step.c.id, t.step.c.name, t.step.c.state, t.step.c.outcome, t.step.c.done_at, t.step.c.detail)
_VISITED = select(*_ASKED).where(t.step.c.run == bindparam("run_id"))

#: Playbook name of an act by hand: its run has one step and no graph.
BY_HAND = "by-hand"


def matches(match: Match, incident: Mapping[str, Any]) -> bool:
    """Tell whether an incident fulfils a playbook's `match`."""
    for name in ("cause", "category", "severity"):
        wanted = getattr(match, name)
        if wanted is not None and incident[name] not in wanted:
            return False
    return match.tenant is None or any(within(incident["tenant"], subtree) for subtree in match.tenant)


def on_incident(engine: "Engine", conn: Connection, incident_id: str, now: datetime) -> None:
    """Start the playbooks that an incident matches and has not had yet; (incident, playbook) is unique."""
    incident = rows.get(conn, t.incident, incident_id)
    if incident["status"] != "open":
        return
    had = {run["playbook"] for run in rows.find(conn, t.run, incident=incident_id)}
    for name, entry in engine.library.items():
        if name in had or not matches(entry.playbook.match, incident):
            continue
        mode = library.mode_of(conn, entry)
        if mode == "draft":
            continue
        library.pin(conn, entry, now)
        run = rows.add(
            conn, t.run, incident=incident_id, tenant=incident["tenant"], playbook=name, sha256=entry.sha256, mode=mode,
            state="running", rev=0, started_at=iso(now),
        )  # fmt: skip
        text = says.run_started(entry.playbook.title.get("ja", name), mode)
        what = {"playbook": name, "mode": mode}
        journal.tell(conn, incident_id, "run", text, now, run=run["id"], **what)
        journal.prove(conn, "run.start", f"run:{run['id']}", run["tenant"], now, sha256=entry.sha256, **what)
        advance(engine, conn, run["id"], now)


def advance(engine: "Engine", conn: Connection, run_id: str, now: datetime) -> None:
    """Start every step whose turn has come, until none is left; end the run when nothing is open."""
    run = rows.get(conn, t.run, run_id)
    rooms.refresh(engine, conn, run["incident"], now)
    if run["state"] != "running":
        return
    if run["playbook"].startswith(BY_HAND):
        _end_if_done(conn, run, _visited(conn, run_id), now, expected=1)
        return
    playbook = library.pinned(conn, run["sha256"])
    visited = _visited(conn, run_id)
    while (found := _next(playbook, visited)) is not None:
        incident = rows.get(conn, t.incident, run["incident"])
        row = rows.add(
            conn, t.step, run=run_id, name=found.id, kind=found.kind, visit=1, flow=found.flow, state="waiting", attempt=0,
            started_at=iso(now), action=found.do,
        )  # fmt: skip
        if _holds(found, visited, incident):
            steps.start(steps.Turn(engine, conn, run, incident, found, row, now))
        else:
            steps.finish(conn, row["id"], "skipped", "condition", now)
        visited = _visited(conn, run_id)  # what was started may have started others
    _end_if_done(conn, run, visited, now, expected=sum(not step.off_path for step in playbook.steps))


def _visited(conn: Connection, run_id: str) -> dict[str, Row]:
    """Return what the graph asks of the steps that were started: asked at every step's end, so no more than that."""
    return {row.name: dict(row._mapping) for row in conn.execute(_VISITED, {"run_id": run_id})}


def _next(playbook: Playbook, visited: Mapping[str, Row]) -> Step | None:
    """Return a step whose turn has come and that has not been started."""
    for step in playbook.steps:
        waiting = not step.off_path and step.id not in visited
        if waiting and all(_passed(playbook.step(name), visited) for name in playbook.after(step)):
            return step
    return None


def _passed(step: Step, visited: Mapping[str, Row]) -> bool:
    """Tell whether those after a step may start: it is done, and if it failed, its `on_failure` too."""
    row = visited.get(step.id)
    if row is None or not row["done_at"]:
        return False
    instead = visited.get(step.on_failure or "") if row["state"] == "failed" else None
    return instead is None or bool(instead["done_at"])


def _holds(step: Step, visited: Mapping[str, Row], incident: Mapping[str, Any]) -> bool:
    for name, sign, wanted in step.tests():
        if name.startswith("incident."):
            value = str(incident.get(name.removeprefix("incident."), ""))
        else:
            value = str(visited[name]["outcome"] or "") if name in visited else ""
        if (value == wanted) != (sign == "=="):
            return False
    return True


def reopen(conn: Connection, run: Row, now: datetime) -> None:
    """Let a run that had ended go on: something of it is asked again."""
    if run["state"] == "done":
        rows.change(conn, t.run, run["id"], state="running", ended_at=None, rev=run["rev"] + 1)
        journal.tell(conn, run["incident"], "run", says.RUN_REOPENED, now, run=run["id"], state="running")
        journal.prove(conn, "run.reopen", f"run:{run['id']}", run["tenant"], now)


def reconsider(conn: Connection, run: Row, name: str) -> None:
    """Forget what was skipped because of an outcome that is another one now: `advance` looks at its conditions again."""
    changed = {name}
    visited = _visited(conn, run["id"])
    for step in library.pinned(conn, run["sha256"]).steps:
        row = visited.get(step.id)
        skipped = row is not None and (row["state"], row["outcome"]) == ("skipped", "condition")
        if row is not None and skipped and any(tested in changed for tested, _, _ in step.tests()):
            changed.add(step.id)
            conn.execute(delete(t.step).where(t.step.c.id == row["id"]))


def _end_if_done(conn: Connection, run: Row, visited: Mapping[str, Row], now: datetime, *, expected: int) -> None:
    on_path = [row for row in visited.values() if not (row["detail"] or {}).get("off_path")]
    if len(on_path) < expected or not all(row["done_at"] for row in visited.values()):
        return
    waiting = rows.find(conn, t.wait, run=run["id"], state="open")
    effects = rows.find(conn, t.outbox, run=run["id"], state=["waiting", "leased"])
    pending = [row for row in effects if row["kind"] != "verify" or not row["body"].get("late")]
    if waiting or pending:
        return
    rows.change(conn, t.run, run["id"], state="done", ended_at=iso(now), rev=run["rev"] + 1)
    journal.tell(conn, run["incident"], "run", says.RUN_ENDED, now, run=run["id"], state="done")
    journal.prove(conn, "run.end", f"run:{run['id']}", run["tenant"], now, state="done")


def visible(conn: Connection, grant: Grant, run_id: str) -> Row:
    """Return a run of the caller's subtree.

    Raises:
        NotFoundError: If there is none.
    """
    found = rows.find(conn, t.run, id=run_id)
    if not found or not within(found[0]["tenant"], grant.tenant):
        raise NotFoundError(f"no run {run_id!r}", hint="hinomi run list")
    return found[0]


def steer(
    engine: "Engine",
    conn: Connection,
    run_id: str,
    verb: str,
    grant: Grant,
    reason: str,
    now: datetime,
    step: str | None = None,
) -> None:
    """Pause, resume, retry a failed step, or skip (write off) one; audited, on the timeline."""
    run = visible(conn, grant, run_id)
    grant.demand("act", run["tenant"])
    if verb in ("retry", "skip"):
        found = rows.find(conn, t.step, run=run_id, name=step or "")
        if not found:
            raise NotFoundError(f"no step {step!r} in this run yet", hint="hinomi run show RUN lists them")
        if verb == "retry":
            steps.retry(engine, conn, run, found[-1], now)
        else:
            steps.write_off(conn, found[-1], grant, reason, now)
    else:
        wanted, becomes = {"pause": ("running", "paused"), "resume": ("paused", "running")}[verb]
        if run["state"] != wanted:
            raise ConflictError(f"the run is {run['state']}, not {wanted}")
        rows.change(conn, t.run, run_id, state=becomes, rev=run["rev"] + 1)
        if verb == "resume":
            steps.do.resume(conn, run_id, now)
            leases.resume(conn, run_id, now)
    journal.tell(conn, run["incident"], "run", says.run_steered(verb, step, reason), now, actor=grant.actor)
    detail = {"reason": reason, **({"step": step} if step else {})}
    journal.prove(conn, f"run.{verb}", f"run:{run_id}", run["tenant"], now, actor=grant.actor, **detail)
    advance(engine, conn, run_id, now)
