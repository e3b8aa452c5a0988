"""Waits: each has a deadline that can be kept, and somebody above who is told when it is not."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from hinomi.playbooks.engine.model import Playbook, Step
from hinomi.playbooks.engine.steps.report import BY_ITSELF
from hinomi.playbooks.linting.checks import Said
from hinomi.playbooks.linting.known import Known

LEAD = "operator_lead"
"""Whom the engine tells where a playbook names nobody."""


def deadlines(playbook: Playbook, _: Known) -> Iterator[Said]:
    """Reminders come before the deadline, and a deadline that passes reaches somebody else."""
    for number, step in enumerate(playbook.steps):
        for keys, role, due, remind, escalate in _waits(step):
            here: list[str | int] = ["steps", number, *keys]
            yield from _reminders(here, due, remind)
            if escalate is None:
                what = f"nobody is named who is told when {role} does not answer: it is {LEAD}"
                yield Said(here, what, f"write escalate: {LEAD}, or somebody nearer", "warning")
            elif escalate == role:
                yield Said(
                    [*here, "escalate"], f"escalates to {role}, who has not answered", "name somebody above", "warning"
                )
        yield from _on_timeout(step, number)


def _waits(step: Step) -> Iterator[tuple[list[str], str, timedelta, Sequence[timedelta], str | None]]:
    """Yield what a step waits for: the keys that lead there, of whom, until when, reminders, who is told then."""
    if step.receipt is not None:
        receipt = step.receipt
        yield ["receipt"], step.to or step.notify or "", receipt.due, receipt.remind, receipt.escalate
    if step.kind in ("decide", "report") and step.due is not None and step.by != BY_ITSELF:
        yield [], step.by or "", step.due, step.remind, step.escalate
    if step.approve is not None and step.approve.role != LEAD:
        yield ["approve"], step.approve.role, step.approve.due, (), step.approve.escalate


def _reminders(here: list[str | int], due: timedelta, remind: Sequence[timedelta]) -> Iterator[Said]:
    if not due:
        yield Said([*here, "due"], "the deadline is over when it begins", "write a time such as 30m")
    for offset in remind:
        if due and offset >= due:
            yield Said(
                [*here, "remind"], "a reminder does not come before the deadline", "make it shorter than due", "warning"
            )


def _on_timeout(step: Step, number: int) -> Iterator[Said]:
    if step.kind == "do" and "on_timeout" in step.model_fields_set:
        yield Said(
            ["steps", number, "on_timeout"],
            "an act has no on_timeout of its own",
            "write it in approve: {…}",
            "warning",
        )
    if step.approve is not None and step.approve.on_timeout == "continue":
        what = f"without an answer it goes on as if {step.do} had been done"
        yield Said(
            ["steps", number, "approve", "on_timeout"],
            what,
            "write fail, with an on_failure that tells somebody",
            "warning",
        )
    if step.wait == "receipt" and step.kind == "report":
        yield Said(["steps", number, "wait"], "a report never holds up those after it until it is received",
                   "leave it out; a message can wait: receipt", "warning")  # fmt: skip


def quorum(playbook: Playbook, known: Known) -> Iterator[Said]:
    """Who approves an act is as many as the action demands: the engine asks them whatever is written."""
    for number, step in enumerate(playbook.steps):
        action = known.actions.get(step.do or "")
        asked = step.approve.quorum if step.approve else 0
        if action is not None and asked < action.quorum:
            keys: list[int | str] = ["steps", number, "approve" if step.approve else "do"]
            what = f"{action.quorum} persons are asked before {step.do}, whatever is written"
            yield Said(keys, what, f"write approve: {{role: …, quorum: {action.quorum}}}", "warning")
