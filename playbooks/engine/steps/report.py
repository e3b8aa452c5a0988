"""``report``: its author gets a form; submitted, or overdue with 調査中, it is built, sent and received.

``by: system``: nobody has anything to write; it is built at once.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hinomi.clock import iso, parse_iso
from hinomi.playbooks.engine import journal, messaging, rows, says, waits
from hinomi.playbooks.engine.model import Receipt
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.engine.steps.endings import finish
from hinomi.playbooks.engine.steps.turn import WITHIN, Turn
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

BY_ITSELF = "system"
"""Who writes a report in which nobody has anything to write."""
NEVER_UNSUBMITTED = ("final",)
"""Reports that are never sent before their author has submitted them."""


def start(turn: Turn) -> None:
    """Open a draft and send its form to the author; its due counts from the incident's opening."""
    engine, conn, incident, step, now = turn.engine, turn.conn, turn.incident, turn.step, turn.now
    if turn.planned or engine.reports is None:
        finish(conn, turn.row["id"], "simulated", "simulated", now)
        return
    due, kind, author = parse_iso(incident["opened_at"]) + (step.due or WITHIN), step.report or "", step.by or ""
    turn.note(due_at=iso(due), detail={"to": step.to, "report": kind, "receipt": _kept(step.receipt)})
    report = engine.reports.open(conn, incident=incident["id"], run=turn.run["id"], step=turn.row["id"], kind=kind, author_role=author,
                                 due_at=iso(due), now=now)  # fmt: skip
    if author == BY_ITSELF:
        rows.change(conn, t.report, report, state="submitted", author=BY_ITSELF, submitted_at=iso(now))
        _build(conn, rows.get(conn, t.report, report), now)
        return
    title = engine.reports.title(kind)
    wait = waits.open_wait(conn, incident, "report", author, now, step=turn.row, due=due, remind=step.remind, escalate=step.escalate,
                           flow=step.flow, text=says.making_of(title))  # fmt: skip
    facts = {"report": title, "due": waits.due_text(wait), "step": turn.row["name"]}
    if not messaging.send_role(engine, conn, author, "report_form", incident, now, key=f"form:{turn.row['id']}", step=turn.row, report=report,
                               facts=facts):  # fmt: skip
        waits.escalate(engine, conn, incident, wait, now)


def _kept(receipt: Receipt | None) -> dict[str, Any] | None:
    """Return what is asked of those who receive it, as the step's row keeps it."""
    if receipt is None:
        return None
    remind = [offset.total_seconds() for offset in receipt.remind]
    return {"flow": receipt.flow, "due": receipt.due.total_seconds(), "escalate": receipt.escalate, "remind": remind}


def submitted(conn: Connection, report: Row, actor: str, now: datetime) -> None:
    """The author has submitted: build the file and send it."""
    if report["step"] is None:
        return
    for wait in rows.find(conn, t.wait, step=report["step"], kind="report", state="open"):
        rows.change(conn, t.wait, wait["id"], state="done", outcome="submitted", done_at=iso(now), by=actor)
        facts = {"flow": wait["flow"], "report": report["number"]}
        journal.tell(conn, report["incident"], "report", says.submitted(wait["text"]), now, actor=actor, **facts)
    _build(conn, report, now)


def overdue(conn: Connection, wait: Row, now: datetime) -> None:
    """Send an unsubmitted report with 調査中 and 未記入; the final report is never sent unsubmitted."""
    for report in rows.find(conn, t.report, step=wait["step"], state="draft"):
        if report["kind"] not in NEVER_UNSUBMITTED:
            rows.change(conn, t.wait, wait["id"], state="failed", outcome="not_submitted", done_at=iso(now))
            _build(conn, report, now)


def _build(conn: Connection, report: Row, now: datetime) -> None:
    rows.enqueue(conn, "report", f"report:{report['id']}:{report['rev']}", {"report": report["id"]}, now, run=report["run"], step=report["step"],
                 incident=report["incident"], tenant=report["tenant"])  # fmt: skip


def built(engine: "Engine", conn: Connection, report: Row, now: datetime) -> None:
    """The file is there: send its link to those who receive it; each receipt counts for the step's flow."""
    row = rows.get(conn, t.step, report["step"])
    incident = rows.get(conn, t.incident, report["incident"])
    to, receipt = row["detail"]["to"], row["detail"]["receipt"]
    title = engine.reports.title(report["kind"]) if engine.reports else report["kind"]
    wait = None
    if receipt:
        wait = waits.open_wait(
            conn, incident, "receipt", to, now, step=row, due=now + timedelta(seconds=receipt["due"]), escalate=receipt["escalate"],
            remind=[timedelta(seconds=offset) for offset in receipt["remind"]], flow=receipt["flow"], text=says.receipt_of(title),
        )  # fmt: skip
    facts = {"report": title, "due": waits.due_text(wait) if wait else ""}
    sent = messaging.send_role(engine, conn, to, "report_ready", incident, now, key=f"ready:{report['id']}:{report['rev']}", step=row,
                               wait=wait["id"] if wait else None, report=report["id"], facts=facts)  # fmt: skip
    rows.change(conn, t.step, row["id"], state="accepted", observation={"report": report["number"]})
    if not sent:
        finish(conn, row["id"], "done", "nobody", now)
        if wait:
            waits.escalate(engine, conn, incident, wait, now)
