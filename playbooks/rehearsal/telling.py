"""What would happen, as rows for people and programs."""

from collections.abc import Mapping
from typing import Any

from hinomi.errors import ConfigError
from hinomi.playbooks.engine.graph import meant
from hinomi.playbooks.engine.model import Playbook
from hinomi.playbooks.engine.steps.decide import TASK
from hinomi.playbooks.rehearsal.answering import Prompt
from hinomi.playbooks.rehearsal.cases import Given
from hinomi.playbooks.rehearsal.judging import clock
from hinomi.playbooks.rehearsal.playing import Outcome, Rehearsals, Reports
from hinomi.playbooks.rehearsal.scenes import Paper
from hinomi.playbooks.rehearsal.watching import MESSAGE


def simulate(
    playbook: Playbook, body: str, given: Given, chosen: Mapping[str, str], reports: Reports, *, nobody: bool = False
) -> dict[str, Any]:
    """Play a playbook at a paper school.

    Raises:
        ConfigError: If what is chosen is no answer to a step.
    """
    check_choices(playbook, chosen)
    with Rehearsals(playbook, body, reports) as rehearsals:
        outcome = rehearsals.play(Paper(playbook, given), Prompt(chosen, nobody=nobody), {}, isolated=given.isolated)
    return told(outcome)


def check_choices(playbook: Playbook, chosen: Mapping[str, str]) -> None:
    """Return if each answer is one that its step can have.

    Raises:
        ConfigError: Naming the first that is not.
    """
    for name, choice in chosen.items():
        found = next((step for step in playbook.steps if step.id == name), None)
        if found is None:
            raise ConfigError(f"{name!r} is no step", hint=meant(name, [step.id for step in playbook.steps]))
        options = found.decide or (["approve", "deny", *TASK] if found.do else [])
        if choice not in options:
            raise ConfigError(f"{name} is not answered {choice!r}", hint=meant(choice, options))


def told(outcome: Outcome) -> dict[str, Any]:
    """Return what came of it as JSON has it."""
    rows = [
        {"at": clock(one.at), "step": one.step, "what": one.what if one.what != MESSAGE else f"message {one.message}", "outcome": one.outcome,
         "who": one.who, "due": clock(one.due) if one.due is not None else "", "detail": one.detail}
        for one in outcome.happenings
    ]  # fmt: skip
    return {"happenings": rows, "problems": outcome.problems}
