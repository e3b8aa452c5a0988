"""``notify``: a message to all holders of a role; the first receipt completes it, where one is asked for."""

from hinomi.playbooks.engine import journal, messaging, people, says, waits
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.engine.steps.endings import finish
from hinomi.playbooks.engine.steps.turn import Turn

OFF_DEVICE = ("isolation_notice",)
"""Templates that must not go to an address on the isolated PC."""


def start(turn: Turn) -> None:
    """Queue the message to everybody in the role; done when the channel has taken it."""
    engine, conn, incident, step, now = turn.engine, turn.conn, turn.incident, turn.step, turn.now
    if turn.planned:
        finish(conn, turn.row["id"], "simulated", "simulated", now)
        return
    role, directory = step.notify or "", engine.directory(conn)
    found = people.recipients(directory, incident, role, off_device=step.template in OFF_DEVICE)
    beside = people.recipients(directory, incident, step.copy_to) if step.copy_to else []
    copies = [recipient.address for recipient in beside]
    wait = _wait(turn, role) if step.receipt is not None else None
    facts = {"due": waits.due_text(wait) if wait else "", "step": turn.row["name"]}
    if why := (turn.row.get("detail") or {}).get("why"):
        facts["state"] = why
    for recipient in found:
        messaging.send(conn, recipient, step.template or "", incident, now, key=f"notify:{turn.row['id']}", step=turn.row,
                       wait=wait["id"] if wait else None, facts=facts, cc=copies)  # fmt: skip
    if not found:
        for recipient in beside:  # nobody to copy it from: they are told all the same
            messaging.send(conn, recipient, step.template or "", incident, now, key=f"notify:{turn.row['id']}:copy",
                           step=turn.row, facts=facts)  # fmt: skip
        _nobody(turn, role, wait)


def _wait(turn: Turn, role: str) -> Row:
    step, receipt = turn.step, turn.step.receipt
    assert receipt is not None  # noqa: S101 - the caller has looked
    wait = waits.open_wait(
        turn.conn, turn.incident, "receipt", role, turn.now, step=turn.row, due=turn.now + receipt.due, remind=receipt.remind,
        escalate=receipt.escalate, flow=receipt.flow, text=says.receipt_of_notice(step.template), on_timeout=step.on_timeout,
    )  # fmt: skip
    turn.note(due_at=wait["due_at"], detail={**(turn.row.get("detail") or {}), "wait_receipt": step.wait == "receipt"})
    return wait


def _nobody(turn: Turn, role: str, wait: Row | None) -> None:
    """No holder or no address escalates at once; the graph goes on, unless it waits for the receipt."""
    if turn.step.wait != "receipt":
        finish(turn.conn, turn.row["id"], "done", "nobody", turn.now)
    journal.tell(turn.conn, turn.incident["id"], "overdue", says.nobody(role), turn.now)
    if wait is not None:
        waits.escalate(turn.engine, turn.conn, turn.incident, wait, turn.now)
    else:
        messaging.page(turn.engine, turn.conn, turn.incident, "nobody", turn.now, step=turn.row)
