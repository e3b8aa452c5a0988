"""The way through: every step can be reached, and what cuts a device off is followed by what lets it back."""

from collections.abc import Iterator

from hinomi.playbooks.engine.graph import STRANGE, before
from hinomi.playbooks.engine.model import Playbook, Step
from hinomi.playbooks.linting.checks import Said
from hinomi.playbooks.linting.known import Known


def reachable(playbook: Playbook, _: Known) -> Iterator[Said]:
    """Something starts every step."""
    called = {step.on_failure for step in playbook.steps if step.on_failure}
    off = {step.id for step in playbook.steps if step.off_path}
    for number, step in enumerate(playbook.steps):
        if step.off_path and step.id not in called:
            yield Said(
                ["steps", number],
                f"nothing starts {step.id}: no on_failure names it",
                f"write on_failure: {step.id}, or take it out",
            )
        for name in step.after or ():
            if name in off:
                what = f"{name} is off_path and may never run: then {step.id} does not either, and the run never ends"
                yield Said(["steps", number, "after"], what, "name a step of the path")
        if step.off_path and step.after:
            yield Said(
                ["steps", number, "after"], "an off_path step is never started by order", "leave after out", "warning"
            )
        if step.on_failure and step.kind == "notify":
            what = "a message never fails: who is not reached is escalated"
            yield Said(["steps", number, "on_failure"], what, "leave it out", "warning")
    if all(step.off_path for step in playbook.steps):
        yield Said(["steps"], "no step is on the path: a run does nothing", "take off_path from the first one")


def containment(playbook: Playbook, known: Known) -> Iterator[Said]:
    """What cuts something off has its opposite after it, under no narrower condition."""
    for number, step in enumerate(playbook.steps):
        action = known.actions.get(step.do or "")
        if action is None:
            continue
        here: list[str | int] = ["steps", number]
        if step.undo is not None and step.undo in known.actions and step.undo != action.undo:
            remedy = f"write undo: {action.undo}" if action.undo else "leave undo out"
            yield Said([*here, "undo"], f"{step.undo} does not undo {step.do}", remedy)
        if step.verify is not None and action.verifies and step.verify.state != action.verifies:
            what = f"{step.do} is never seen as {step.verify.state!r}"
            yield Said([*here, "verify", "state"], what, f"write state: {action.verifies}")
        if action.guarded and action.undo:
            yield from _released(playbook, step, number, action.undo)


def _released(playbook: Playbook, step: Step, number: int, undo: str) -> Iterator[Said]:
    later = [one for one in playbook.steps if one.do == undo and step.id in before(playbook, one.id)]
    if not later:
        what = f"{step.do} is never taken back: the device stays cut off, and people are reminded of it every day"
        yield Said(["steps", number], what, f"add a step  do: {undo}  after it", "warning")
    elif all(set(one.tests()) - set(step.tests()) for one in later):
        what = f"{step.do} is taken back only if {later[0].condition}"
        yield Said(
            ["steps", playbook.steps.index(later[0]), "if"],
            what,
            "write a step that takes it back otherwise",
            "warning",
        )


def foreign(playbook: Playbook, _: Known) -> Iterator[Said]:
    """What an import could not be expressed by is still in the way."""
    for number, entry in enumerate(playbook.foreign):
        yield Said(["foreign", number], f"cannot go live: {entry.id}: {entry.why}", STRANGE, "warning")
