"""The `tests:` of a playbook: their keys, and the steps that they speak of."""

from collections.abc import Iterator

from pydantic import ValidationError

from hinomi.playbooks.engine.graph import meant
from hinomi.playbooks.engine.model import Playbook, schema_faults
from hinomi.playbooks.linting.checks import Said
from hinomi.playbooks.linting.known import Known
from hinomi.playbooks.rehearsal.cases import Case


def cases(playbook: Playbook, known: Known) -> Iterator[Said]:
    """Each test can be played."""
    names = [step.id for step in playbook.steps]
    for number, written in enumerate(playbook.tests):
        try:
            case = Case.model_validate(written)
        except ValidationError as error:
            for keys, what, remedy in schema_faults(error, Case):
                yield Said(["tests", number, *keys], what, remedy)
            continue
        for part in ("answers", "expect"):
            for place, line in enumerate(getattr(case, part)):
                if line.step and line.step not in names:
                    yield Said(
                        ["tests", number, part, place, "step"], f"{line.step!r} is no step", meant(line.step, names)
                    )
        for action in case.vendor:
            if action not in known.actions:
                yield Said(
                    ["tests", number, "vendor", action], f"no action is called {action!r}", meant(action, known.actions)
                )
        for place, line in enumerate(case.expect):
            if line.message is not None and line.message not in known.templates:
                yield Said(["tests", number, "expect", place, "message"], f"no message template is called {line.message!r}",
                           meant(line.message, known.templates))  # fmt: skip
