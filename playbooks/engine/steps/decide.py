"""``decide``: a person of a role chooses; the choice is the step's outcome. ``[done, not_possible]`` is a task for them."""

from hinomi.playbooks.engine import says, waits
from hinomi.playbooks.engine.steps.endings import finish
from hinomi.playbooks.engine.steps.turn import WITHIN, Turn
from hinomi.playbooks.messages import words

CONFIRMS_DETECTION = 6
"""The documented step of this name."""
TASK = ["done", "not_possible"]
"""The choices of something to be done by hand."""


def start(turn: Turn) -> None:
    """Ask; a run that is only planned takes the first choice."""
    engine, conn, incident, step, now = turn.engine, turn.conn, turn.incident, turn.step, turn.now
    options = step.decide or []
    if turn.planned:
        finish(conn, turn.row["id"], "simulated", options[0], now)
        return
    text = says.CONFIRM_DETECTION if step.flow == CONFIRMS_DETECTION else words.word(words.STEPS, step.id)
    kind, template = ("task", "task_request") if options == TASK else ("decision", "decision_request")
    wait = waits.open_wait(conn, incident, kind, step.by or "", now, step=turn.row, due=now + (step.due or WITHIN), remind=step.remind,
                           escalate=step.escalate, flow=step.flow, options=options, text=text, on_timeout=step.on_timeout)  # fmt: skip
    turn.note(due_at=wait["due_at"])
    waits.tell_role(engine, conn, incident, wait, template, now, key=f"decide:{wait['id']}", step=turn.row)
