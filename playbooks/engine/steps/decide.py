"""``decide``: a person of a role chooses; the choice is the step's outcome."""

from hinomi.playbooks.engine import says, waits
from hinomi.playbooks.engine.steps.endings import finish
from hinomi.playbooks.engine.steps.turn import WITHIN, Turn

CONFIRMS_DETECTION = 6
"""The documented step of this name."""


def start(turn: Turn) -> None:
    """Ask; a run that is only planned takes the first choice."""
    engine, conn, incident, step, now = turn.engine, turn.conn, turn.incident, turn.step, turn.now
    options = step.decide or []
    if turn.planned:
        finish(conn, turn.row["id"], "simulated", options[0], now)
        return
    text = says.CONFIRM_DETECTION if step.flow == CONFIRMS_DETECTION else step.id
    wait = waits.open_wait(conn, incident, "decision", step.by or "", now, step=turn.row, due=now + (step.due or WITHIN), remind=step.remind,
                           escalate=step.escalate, flow=step.flow, options=options, text=text, on_timeout=step.on_timeout)  # fmt: skip
    turn.note(due_at=wait["due_at"])
    waits.tell_role(engine, conn, incident, wait, "decision_request", now, key=f"decide:{wait['id']}", step=turn.row)
