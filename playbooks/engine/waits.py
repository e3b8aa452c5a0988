"""Waits: receipts, reports, decisions, approvals, tasks. Each has a row, a role, a deadline, and a way on."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from hinomi import audit
from hinomi.clock import JST, iso, parse_iso
from hinomi.errors import ConfigError, ConflictError, NotFoundError, RefusedError
from hinomi.playbooks.engine import guards, messaging, people, rows, runs, steps
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.incidents import timeline
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
    return rows.add(
        conn, t.wait, run=step["run"] if step else None, step=step["id"] if step else None, incident=incident["id"],
        tenant=incident["tenant"], kind=kind, role=role, flow=flow, options=list(options) if options else None, quorum=quorum, text=text,
        opened_at=iso(now), due_at=iso(due) if due else None, remind_at=[iso(now + offset) for offset in remind],
        escalate=escalate, on_timeout=on_timeout, state="open",
    )  # fmt: skip


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
    if wait["kind"] == "approval" and choice == "approve" and guards.killswitch(conn):
        raise RefusedError("the kill switch is on", hint="hinomi killswitch off --reason …")
    row = {
        "wait": wait_id,
        "at": iso(now),
        "actor": grant.actor,
        "role": acting,
        "choice": choice,
        "reason": reason,
        "via": via,
    }
    conn.execute(t.decision.insert().values(**row))
    incident = rows.get(conn, t.incident, wait["incident"])
    timeline.add(conn, incident["id"], kind=wait["kind"], actor=grant.actor, now=now, text=f"{wait['text']}: {choice}",
                 data={"choice": choice, "reason": reason, "wait": wait_id})  # fmt: skip
    detail = {"choice": choice, "reason": reason, "role": acting, "via": via, "what": wait["text"]}
    audit.record(
        conn,
        now,
        actor=grant.actor,
        act=f"{wait['kind']}.decide",
        object=f"wait:{wait_id}",
        tenant=wait["tenant"],
        detail=detail,
    )
    if choice == "approve" and _approvals(conn, wait_id) < wait["quorum"]:
        return
    rows.change(conn, t.wait, wait_id, state="done", outcome=choice, done_at=iso(now), by=grant.actor)
    if not incident["acknowledged_at"]:
        rows.change(conn, t.incident, incident["id"], acknowledged_at=iso(now))
    if wait["step"]:
        steps.decided(engine, conn, wait, choice, grant.actor, now)
        runs.advance(engine, conn, wait["run"], now)


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
    detail = {"via": via, "role": receipt["role"], **({"noted_by": noted_by} if noted_by else {})}
    audit.record(
        conn,
        now,
        actor=noted_by or actor,
        act="receipt.receive",
        object=f"receipt:{receipt_id}",
        tenant=wait["tenant"],
        detail=detail,
    )
    if wait["state"] != "open":
        return True
    rows.change(conn, t.wait, wait["id"], state="done", outcome="received", done_at=iso(now), by=actor)
    timeline.add(conn, wait["incident"], kind="receipt", actor=actor, now=now, text=f"受領: {wait['text']}（{via}）",
                 data={"flow": wait["flow"], "role": receipt["role"], "noted_by": noted_by})  # fmt: skip
    if wait["step"]:
        steps.received(conn, wait, now)
        runs.advance(engine, conn, wait["run"], now)
    return True


def note_receipt(
    engine: "Engine", conn: Connection, wait_id: str, person: str, how: str, reason: str, grant: Grant, now: datetime
) -> None:
    """Note a receipt that came by phone or in person, with the name of who notes it."""
    wait = _open(conn, wait_id, ("receipt",))
    grant.demand("act", wait["tenant"])
    found = rows.find(conn, t.receipt, wait=wait_id, person=person)
    if not found:
        known = [r["person"] for r in rows.find(conn, t.receipt, wait=wait_id)]
        raise NotFoundError(f"{person!r} was not sent this", hint=f"sent to: {', '.join(known)}")
    if not receive(engine, conn, found[0]["id"], how, now, noted_by=grant.actor):
        raise ConflictError("it was received before")
    timeline.add(conn, wait["incident"], kind="note", actor=grant.actor, now=now, text=f"受領を記録（{how}）: {reason}")


def tick(engine: "Engine", conn: Connection, now: datetime) -> None:
    """Remind, escalate, time out. Deadlines are rows, so a clock jump or a restart loses none."""
    stamp = iso(now)
    for wait in [dict(row._mapping) for row in conn.execute(select(t.wait).where(t.wait.c.state == "open"))]:
        if due := [moment for moment in wait["remind_at"] if moment <= stamp]:
            rows.change(conn, t.wait, wait["id"], remind_at=[m for m in wait["remind_at"] if m > stamp])
            _remind(engine, conn, wait, now, key=f"remind:{wait['id']}:{due[-1]}")
        if wait["due_at"] and wait["due_at"] <= stamp and not wait["escalated_at"]:
            _overdue(engine, conn, wait, now)
    for hold in rows.find(conn, t.hold, released_at=None):
        if hold["review_at"] <= stamp:
            incident = rows.get(conn, t.incident, hold["incident"])
            rows.change(conn, t.hold, hold["id"], review_at=iso(now + timedelta(hours=24)))
            messaging.send_role(
                engine, conn, "operator", "hold_review", incident, now, key=f"review:{hold['id']}:{hold['review_at']}"
            )


def _remind(engine: "Engine", conn: Connection, wait: Row, now: datetime, *, key: str) -> None:
    incident = rows.get(conn, t.incident, wait["incident"])
    step = rows.get(conn, t.step, wait["step"]) if wait["step"] else None
    report = rows.find(conn, t.report, step=wait["step"]) if step and step["kind"] == "report" else []
    facts = {"due": due_text(wait), "step": wait["text"], "wait": wait["id"]}
    if report and engine.reports is not None:
        facts["report"] = engine.reports.title(report[0]["kind"])
    off = wait["kind"] == "receipt" and step is not None and step["kind"] == "notify"
    for recipient in people.recipients(engine.directory(conn), incident, wait["role"], off_device=off):
        messaging.send(
            conn, recipient, REMINDERS[wait["kind"]], incident, now, key=key, step=step, wait=wait["id"] if wait["kind"] == "receipt" else None,
            report=report[0]["id"] if report else None, facts=facts,
        )  # fmt: skip
    timeline.add(
        conn,
        incident["id"],
        kind="reminder",
        actor="system",
        now=now,
        text=f"催促を送りました: {wait['text']}",
        data={"flow": wait["flow"]},
    )


def _overdue(engine: "Engine", conn: Connection, wait: Row, now: datetime) -> None:
    rows.change(conn, t.wait, wait["id"], escalated_at=iso(now))
    incident = rows.get(conn, t.incident, wait["incident"])
    timeline.add(
        conn,
        incident["id"],
        kind="overdue",
        actor="system",
        now=now,
        text=f"期限を過ぎました: {wait['text']}",
        data={"flow": wait["flow"]},
    )
    escalate(engine, conn, incident, wait, now)
    if wait["kind"] == "report":
        steps.report_overdue(engine, conn, wait, now)
    elif wait["on_timeout"] in ("continue", "fail"):
        outcome = "timeout"
        rows.change(
            conn,
            t.wait,
            wait["id"],
            state="failed" if wait["on_timeout"] == "fail" else "done",
            outcome=outcome,
            done_at=iso(now),
        )
        if wait["step"]:
            steps.timed_out(engine, conn, wait, now)
    if wait["run"]:
        runs.advance(engine, conn, wait["run"], now)


def escalate(engine: "Engine", conn: Connection, incident: Row, wait: Row, now: datetime) -> None:
    """Tell the role above that somebody was waited for in vain (or that there is nobody)."""
    role = wait["escalate"] or "operator_lead"
    facts = {"due": due_text(wait), "step": wait["text"], "role": wait["role"]}
    step = rows.get(conn, t.step, wait["step"]) if wait["step"] else None
    messaging.send_role(
        engine, conn, role, "escalation", incident, now, key=f"escalate:{wait['id']}", step=step, facts=facts
    )
    detail = {"role": role, "what": wait["text"]}
    audit.record(
        conn,
        now,
        actor="system",
        act="wait.escalate",
        object=f"wait:{wait['id']}",
        tenant=wait["tenant"],
        detail=detail,
    )
