"""A message: composed when it is sent, so that it says what is so by then; the same Message-ID however often."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, update

from hinomi import log
from hinomi.clock import iso, parse_iso
from hinomi.playbooks.channels import ChannelError, Message
from hinomi.playbooks.engine import journal, leases, people, rooms, rows, runs, says, steps, waits
from hinomi.playbooks.engine.effects import room
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.messages import compose
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine
    from hinomi.playbooks.engine.outbox import Executor

BESIDE = ("report_form", "report_reminder", "receipt_reminder")
"""Messages of a step that do not make it done."""
AT_CONSOLE = ("operator", "operator_lead")
"""Roles that decide with a key of their own, not by a link in a mail."""
ISOLATION = {
    "verified": "confirmed",
    "failed": "failed",
    "manual": "manual",
    "sent": "asked",
    "accepted": "asked",
    "intent": "asked",
}
"""State of the isolation's step → what is said of it; all others wait for somebody's approval."""


async def carry_out(executor: "Executor", row: Row) -> None:
    """Tell the rooms of its role, or send it by the first channel that takes it."""
    message = await executor.look(lambda conn: _compose(executor.engine, conn, row))
    if message is None:
        await executor.write(row, lambda conn, now: leases.done(conn, row, now, "its incident is gone"))
        return
    try:
        answer = await _in_rooms(executor, row) or await _send(executor.engine, message, row["body"]["role"])
    except room.LaterError as later:
        seconds, why = later.seconds, str(later)
        await executor.write(row, lambda conn, now: leases.again(conn, row, now, seconds, why, row["body"]))
        return
    except ChannelError as error:
        problem = error
        await executor.write(row, lambda conn, now: _unsent(executor.engine, conn, row, problem, now))
        return
    executor.failpoint("message.after_send")
    await executor.write(row, lambda conn, now: _sent(executor.engine, conn, row, message, answer, now))


async def _send(engine: "Engine", message: Message, role: str) -> str:
    """Send by the first channel meant for the role that takes it; mail is for everybody, and comes last."""
    problem = ChannelError("no mail server is configured")
    for channel in engine.channels_for(role):
        try:
            return await channel.send(message)
        except ChannelError as error:
            problem = error
    raise problem


async def _in_rooms(executor: "Executor", row: Row) -> str:
    """Tell the rooms of the message's role; return what one of them said, if that is enough."""
    if row["body"]["report"] or not rooms.told(executor.engine, row["body"]["role"], row["tenant"]):
        return ""  # a report has to be read or written, behind a link that is somebody's own
    message = await executor.look(lambda conn: _compose(executor.engine, conn, row, shared=True))
    return await room.tell(executor, row, message) if message else ""


def _compose(engine: "Engine", conn: Connection, row: Row, *, shared: bool = False) -> Message | None:
    """Write the message; in a ``shared`` one there is no link that would count for one person."""
    body, found = row["body"], rows.find(conn, t.incident, id=row["incident"])
    if not found:
        return None
    facts = _facts(engine, conn, found[0], row)
    if shared and ("link" in facts or "wait" in facts):
        facts["link"] = says.IN_ROOM
    composed = compose(body["template"], body["language"], facts)
    domain = engine.settings.mail.sender.rpartition("@")[2] or "hinomi"
    return Message(id=f"<{row['id']}@{domain}>", to=body["to"], subject=composed.subject, text=composed.text, cc=tuple(body["cc"]),
                   headers={"X-Hinomi-Template": body["template"]})  # fmt: skip


def _facts(engine: "Engine", conn: Connection, incident: Row, row: Row) -> dict[str, Any]:
    body, directory = row["body"], engine.directory(conn)
    device = people.device_of(directory, incident)
    facts = {"incident": incident["number"], "device": (device.asset_no or device.id) if device else incident["host"],
             "school": directory.tenant_name(incident["tenant"]), "severity": incident["severity"], "matter": incident["title_ja"],
             "opened": incident["opened_at"], "role": body["role"], **body["facts"]}  # fmt: skip
    isolation = rows.find(conn, t.step, run=row["run"], action="endpoint.isolate") if row["run"] else []
    if "state" not in body["facts"] and isolation:
        last = isolation[-1]
        facts["state"] = "denied" if last["outcome"] == "denied" else ISOLATION.get(last["state"], "waiting")
    if link := _link(engine, row):
        facts["link"] = f"{engine.settings.api.url}/{link}"
    return facts


def _link(engine: "Engine", row: Row) -> str:
    """Return the signed way to the page a message is about, if there is one; sent again, it is the same."""
    body, links, at = row["body"], engine.links, parse_iso(row["created_at"])
    if body["report"] and body["receipt"]:
        return f"p/{links.make('report', body['report'] + ':' + body['receipt'], at)}"
    if body["report"]:
        return f"f/{links.make('form', body['report'] + ':' + body['person'], at)}"
    if body["receipt"]:
        return f"r/{links.make('receipt', body['receipt'], at)}"
    if body["facts"].get("options") and body["role"] not in AT_CONSOLE:
        return f"d/{links.make('decide', body['facts']['wait'] + ':' + body['person'], at)}"
    return ""


def _sent(engine: "Engine", conn: Connection, row: Row, message: Message, answer: str, now: datetime) -> None:
    leases.done(conn, row, now)
    body, incident = row["body"], row["incident"]
    if body["receipt"]:
        first = (t.receipt.c.id == body["receipt"]) & t.receipt.c.sent_at.is_(None)
        conn.execute(update(t.receipt).where(first).values(sent_at=iso(now)))
    who = {"template": body["template"], "person": body["person"], "role": body["role"]}
    proof = {**who, "message_id": message.id, "answer": answer[:200]}
    journal.prove(conn, "message.sent", f"incident:{incident}", row["tenant"], now, **proof)
    journal.tell(conn, incident, "message", says.message_sent(message.subject), now, **who)
    if row["step"] and body["template"] not in BESIDE:
        steps.handed(engine, conn, row["step"], now)
    elif row["run"]:
        runs.advance(engine, conn, row["run"], now)


def _unsent(engine: "Engine", conn: Connection, row: Row, error: ChannelError, now: datetime) -> None:
    log.get().error("message.not_sent", tries=row["tries"], error=str(error))
    if not error.permanent:
        leases.again(conn, row, now, min(2.0 ** min(row["tries"], 9), 300.0), str(error))
        return
    leases.done(conn, row, now, str(error))
    body, incident = row["body"], rows.get(conn, t.incident, row["incident"])
    journal.tell(conn, incident["id"], "overdue", says.message_refused(body["template"], body["role"]), now)
    receipt = rows.find(conn, t.receipt, id=body["receipt"] or "")
    for wait in rows.find(conn, t.wait, id=receipt[0]["wait"], state="open") if receipt else []:
        if not wait["escalated_at"]:
            waits.escalate(engine, conn, incident, wait, now)
    if row["step"]:
        steps.handed(engine, conn, row["step"], now)
