"""Waits: receipts, reports, decisions, approvals, tasks. Each has a row, a role, a deadline, and a way on."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnClause, Connection, literal_column, select, update

from hinomi.clock import JST, iso, parse_iso
from hinomi.errors import ConfigError, ConflictError, NotFoundError, RefusedError
from hinomi.playbooks.engine import guards, holds, journal, messaging, people, rooms, rows, runs, says, steps
from hinomi.playbooks.engine.rows import Row
from hinomi.state import t
from hinomi.tenancy import Grant, within

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

#: What a reminder of each kind says.
REMINDERS = {
    "receipt": "receipt_reminder",
    "report": "report_reminder",
    "approval": "approval_request",
    "decision": "decision_request",
    "task": "manual_task",
}


def open_wait(
    conn: Connection,
    incident: Mapping[str, Any],
    kind: str,
    role: str,
    now: datetime,
    *,
    step: Row | None = None,
    due: datetime | None = None,
    remind: Sequence[timedelta] = (),
    escalate: str | None = None,
    on_timeout: str = "escalate",
    flow: int | None = None,
    options: Sequence[str] | None = None,
    quorum: int = 1,
    text: str = "",
) -> Row:
    """Open a wait; reminders are offsets from now."""
    due_at, remind_at = iso(due) if due else None, [iso(now + offset) for offset in remind]
    return rows.add(
        conn, t.wait, run=step["run"] if step else None, step=step["id"] if step else None, incident=incident["id"],
        tenant=incident["tenant"], kind=kind, role=role, flow=flow, options=list(options) if options else None, quorum=quorum, text=text,
        opened_at=iso(now), due_at=due_at, remind_at=remind_at, next_at=_next_of(remind_at, due_at),
        escalate=escalate, on_timeout=on_timeout, state="open",
    )  # fmt: skip


def _next_of(remind_at: Sequence[str], due_at: str | None) -> str | None:
    """Return the next moment at which time asks something of a wait."""
    return min([*remind_at, *([due_at] if due_at else [])], default=None)


def due_text(wait: Mapping[str, Any]) -> str:
    """Return a wait's deadline as people read it."""
    return parse_iso(wait["due_at"]).astimezone(JST).strftime("%m月%d日 %H:%M") if wait["due_at"] else ""


def _open(conn: Connection, wait_id: str, kinds: tuple[str, ...]) -> Row:
    found = rows.find(conn, t.wait, id=wait_id)
    if not found or found[0]["kind"] not in kinds:
        raise NotFoundError(f"nothing waits under {wait_id!r}", hint="hinomi approval list, hinomi receipt list")
    return found[0]


def decide(
    engine: "Engine",
    conn: Connection,
    wait_id: str,
    grant: Grant,
    choice: str,
    reason: str,
    *,
    via: str,
    now: datetime,
    role: str | None = None,
) -> None:
    """Record a decision, approval or finished task; the step it decides goes on."""
    wait = _open(conn, wait_id, ("decision", "approval", "task"))
    if not within(wait["tenant"], grant.tenant):
        raise NotFoundError(f"nothing waits under {wait_id!r}")
    grant.demand("act", wait["tenant"])
    acting = role or ("admin" if "admin" in grant.scopes else "")
    if not people.holds_role(acting, wait["role"]) and acting != wait["escalate"]:
        raise RefusedError(
            f"this is for the role {wait['role']}, not {acting or 'none'}", hint="use a key of that role"
        )
    if wait["state"] != "open":
        raise ConflictError(f"it was decided already: {wait['outcome']} by {wait['by']}")
    if choice not in (wait["options"] or []):
        raise ConfigError(f"{choice!r} is no choice", hint=f"one of {', '.join(wait['options'] or [])}")
    # a key that names nobody says nothing of who holds it: one person may have two
    if wait["quorum"] > 1 and grant.actor.startswith("key:"):
        raise RefusedError(
            f"{wait['quorum']} persons must answer, and this key names none", hint="hinomi key create --person PERSON …"
        )
    if wait["kind"] == "approval" and choice == "approve" and guards.killswitch(conn):
        raise RefusedError("the kill switch is on", hint="hinomi killswitch off --reason …")
    _write_down(conn, wait, grant.actor, now, role=acting, choice=choice, reason=reason, via=via)
    rooms.refresh(engine, conn, wait["incident"], now)
    if choice == "approve" and _approvals(conn, wait_id) < wait["quorum"]:
        return
    rows.change(conn, t.wait, wait_id, state="done", outcome=choice, done_at=iso(now), by=grant.actor)
    incident = rows.get(conn, t.incident, wait["incident"])
    if not incident["acknowledged_at"]:
        rows.change(conn, t.incident, incident["id"], acknowledged_at=iso(now))
    if wait["step"]:
        steps.decided(engine, conn, wait, choice, grant.actor, now)
        runs.advance(engine, conn, wait["run"], now)


def _write_down(conn: Connection, wait: Row, actor: str, now: datetime, **said: str) -> None:
    """Keep who decided what and why: as a row, on the timeline, in the audit."""
    conn.execute(t.decision.insert().values(wait=wait["id"], at=iso(now), actor=actor, **said))
    text, kind = says.decided(wait["text"], said["choice"]), wait["kind"]
    facts = {"choice": said["choice"], "reason": said["reason"], "wait": wait["id"]}
    journal.tell(conn, wait["incident"], kind, text, now, actor=actor, **facts)
    proof = {**said, "what": wait["text"]}
    journal.prove(conn, f"{kind}.decide", f"wait:{wait['id']}", wait["tenant"], now, actor=actor, **proof)


def _approvals(conn: Connection, wait_id: str) -> int:
    key = (t.decision.c.wait == wait_id) & (t.decision.c.choice == "approve")
    return len(set(conn.execute(select(t.decision.c.actor).where(key)).scalars()))


def opened(conn: Connection, receipt_id: str, now: datetime) -> None:
    """Note that a link was opened: it says nothing about who read it, and counts for nothing."""
    conn.execute(
        update(t.receipt)
        .where((t.receipt.c.id == receipt_id) & t.receipt.c.opened_at.is_(None))
        .values(opened_at=iso(now))
    )


def receive(
    engine: "Engine", conn: Connection, receipt_id: str, via: str, now: datetime, noted_by: str | None = None
) -> bool:
    """Count a receipt, once; the first of a role completes the wait. Return whether it counted now."""
    receipt = rows.get(conn, t.receipt, receipt_id)
    if receipt["received_at"]:
        return False
    rows.change(conn, t.receipt, receipt_id, received_at=iso(now), via=via, noted_by=noted_by)
    wait = rows.get(conn, t.wait, receipt["wait"])
    actor = f"person:{receipt['person']}"
    by = noted_by or actor
    detail = {"via": via, "role": receipt["role"], **({"noted_by": noted_by} if noted_by else {})}
    journal.prove(conn, "receipt.receive", f"receipt:{receipt_id}", wait["tenant"], now, actor=by, **detail)
    if wait["state"] != "open":
        return True
    rooms.refresh(engine, conn, wait["incident"], now)
    rows.change(conn, t.wait, wait["id"], state="done", outcome="received", done_at=iso(now), by=actor)
    text = says.received(wait["text"], via)
    facts = {"flow": wait["flow"], "role": receipt["role"], "noted_by": noted_by}
    journal.tell(conn, wait["incident"], "receipt", text, now, actor=actor, **facts)
    if wait["step"]:
        steps.received(conn, wait, now)
        runs.advance(engine, conn, wait["run"], now)
    return True


def note_receipt(
    engine: "Engine", conn: Connection, wait_id: str, person: str, how: str, reason: str, grant: Grant, now: datetime
) -> None:
    """Note a receipt that came by phone or in person, with the name of who notes it.

    Also of a holder of the role whom no message could reach: a phone needs no mail address.
    """
    wait = _open(conn, wait_id, ("receipt",))
    grant.demand("act", wait["tenant"])
    found = rows.find(conn, t.receipt, wait=wait_id, person=person)
    if not found:
        incident = rows.get(conn, t.incident, wait["incident"])
        holders = [known.id for known in people.holders(engine.directory(conn), incident, wait["role"])]
        if person not in holders:
            raise NotFoundError(f"{person!r} does not receive this", hint=f"it is for {', '.join(holders) or '-'}")
        found = [rows.add(conn, t.receipt, wait=wait_id, person=person, role=wait["role"])]
    if not receive(engine, conn, found[0]["id"], how, now, noted_by=grant.actor):
        raise ConflictError("it was received before")
    journal.tell(conn, wait["incident"], "note", says.receipt_noted(how, reason), now, actor=grant.actor)


# --- what time asks for ---------------------------------------------------------------------------------


def tick(engine: "Engine", conn: Connection, now: datetime) -> None:
    """Remind, escalate, time out. Deadlines are rows, so a clock jump or a restart loses none."""
    stamp = iso(now)
    still_open: ColumnClause[bool] = literal_column("state = 'open'")  # in the words of the index
    for wait in rows.of(conn, select(t.wait).where(still_open & (t.wait.c.next_at <= stamp))):
        if not guards.paused(conn, wait["run"]):  # its time is looked at when it is resumed
            _ask_of_time(engine, conn, wait, stamp, now)
    held = select(t.hold).where(t.hold.c.released_at.is_(None) & (t.hold.c.review_at <= stamp))
    for hold in rows.of(conn, held):
        holds.review(engine, conn, hold, now)


def _ask_of_time(engine: "Engine", conn: Connection, wait: Row, stamp: str, now: datetime) -> None:
    later = [moment for moment in wait["remind_at"] if moment > stamp]
    due_at = wait["due_at"] if wait["due_at"] and wait["due_at"] > stamp else None
    rows.change(conn, t.wait, wait["id"], remind_at=later, next_at=_next_of(later, due_at))
    if past := [moment for moment in wait["remind_at"] if moment <= stamp]:
        _remind(engine, conn, wait, now, key=f"remind:{wait['id']}:{past[-1]}")
    if wait["due_at"] and due_at is None and not wait["escalated_at"]:
        _overdue(engine, conn, wait, now)


def _remind(engine: "Engine", conn: Connection, wait: Row, now: datetime, *, key: str) -> None:
    incident = rows.get(conn, t.incident, wait["incident"])
    step = rows.get(conn, t.step, wait["step"]) if wait["step"] else None
    report = rows.find(conn, t.report, step=wait["step"]) if step and step["kind"] == "report" else []
    facts = _facts(wait)
    if report and engine.reports is not None:
        facts["report"] = engine.reports.title(report[0]["kind"])
    off = wait["kind"] == "receipt" and step is not None and step["kind"] == "notify"
    for recipient in people.recipients(engine.directory(conn), incident, wait["role"], off_device=off):
        messaging.send(
            conn, recipient, REMINDERS[wait["kind"]], incident, now, key=key, step=step, wait=wait["id"] if wait["kind"] == "receipt" else None,
            report=report[0]["id"] if report else None, facts=facts,
        )  # fmt: skip
    journal.tell(conn, incident["id"], "reminder", says.reminded(wait["text"]), now, flow=wait["flow"], wait=wait["id"])


def _overdue(engine: "Engine", conn: Connection, wait: Row, now: datetime) -> None:
    """A deadline has passed: go on waiting while somebody above is told, or go on, or fail, as the playbook says."""
    rows.change(conn, t.wait, wait["id"], escalated_at=iso(now))
    incident = rows.get(conn, t.incident, wait["incident"])
    journal.tell(conn, incident["id"], "overdue", says.overdue(wait["text"]), now, flow=wait["flow"], wait=wait["id"])
    if wait["on_timeout"] == "escalate":
        escalate(engine, conn, incident, wait, now)
        if wait["kind"] == "report":
            steps.report.overdue(conn, wait, now)
    else:
        state = "failed" if wait["on_timeout"] == "fail" else "done"
        rows.change(conn, t.wait, wait["id"], state=state, outcome="timeout", done_at=iso(now))
        if wait["step"]:
            steps.timed_out(engine, conn, wait, now)
    if wait["run"]:
        runs.advance(engine, conn, wait["run"], now)


# --- who is told ----------------------------------------------------------------------------------------


def _facts(wait: Row) -> dict[str, Any]:
    return {"due": due_text(wait), "step": wait["text"], "wait": wait["id"], "options": wait["options"]}


def tell_role(
    engine: "Engine", conn: Connection, incident: Row, wait: Row, template: str, now: datetime, *, key: str,
    step: Row | None,
) -> None:  # fmt: skip
    """Tell a wait's role what is waited for; if there is nobody, or too few, the role above at once."""
    facts = _facts(wait)
    told = messaging.send_role(engine, conn, wait["role"], template, incident, now, key=key, step=step, facts=facts)
    if not told:
        escalate(engine, conn, incident, wait, now)
    elif told < wait["quorum"]:
        above = wait["escalate"] or "operator_lead"
        messaging.send_role(engine, conn, above, template, incident, now, key=f"{key}:above", step=step, facts=facts)


def escalate(engine: "Engine", conn: Connection, incident: Row, wait: Row, now: datetime) -> None:
    """Tell the role above that somebody was waited for in vain (or that there is nobody)."""
    above = wait["escalate"] or "operator_lead"
    step = rows.get(conn, t.step, wait["step"]) if wait["step"] else None
    facts = {"due": due_text(wait), "step": wait["text"], "role": wait["role"]}
    if wait["options"]:
        facts |= {"wait": wait["id"], "options": wait["options"]}
    told = messaging.send_first(engine, conn, (above, "operator_lead", "operator"), "escalation", incident, now, key=f"escalate:{wait['id']}",
                                step=step, facts=facts)  # fmt: skip
    detail = {"role": told or above, "what": wait["text"]}
    journal.prove(conn, "wait.escalate", f"wait:{wait['id']}", wait["tenant"], now, **detail)
