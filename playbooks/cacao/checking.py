"""A CACAO document held against the specification: its objects, and what leads from one to another."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from hinomi.errors import ConfigError, Faults, HinomiError
from hinomi.playbooks.cacao.schema import SPECIFICATION, Action, Playbook, Start

Unknown = tuple[tuple[int | str, ...], Any]
"""The keys that lead to something the specification does not name, and what it is."""


def check(document: Any, where: str) -> tuple[Playbook, list[Unknown]]:
    """Return a document as a playbook, without what the specification does not name, and that.

    Raises:
        Faults: Naming everything that is not as the specification has it.
    """
    try:
        return _checked(document, where), []
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    unknown: list[Unknown] = []
    faults: list[HinomiError] = []
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            keys = _real(problem["loc"])
            unknown.append((keys, _take(document, keys)))
        else:
            faults.append(_fault(problem["loc"], problem["msg"], where))
    if faults:
        raise Faults(faults, hint=SPECIFICATION)
    try:
        return _checked(document, where), unknown
    except ValidationError as error:
        raise Faults(
            [_fault(problem["loc"], problem["msg"], where) for problem in error.errors()], hint=SPECIFICATION
        ) from error


def _checked(document: Any, where: str) -> Playbook:
    playbook = Playbook.model_validate(document)
    if faults := [ConfigError(what, where=where) for what in _references(playbook)]:
        raise Faults(faults, hint=SPECIFICATION)
    return playbook


def _fault(keys: tuple[int | str, ...], message: str, where: str) -> ConfigError:
    place = ".".join(str(key) for key in _real(keys))
    return ConfigError(f"{place}: {message.removeprefix('Value error, ')}", where=where)


def _real(keys: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the keys that are in the document: pydantic also names the kind of a step, after the step."""
    return (*keys[:2], *keys[3:]) if keys[:1] == ("workflow",) else keys


def _take(document: Any, keys: tuple[int | str, ...]) -> Any:
    for key in keys[:-1]:
        document = document[key]
    return document.pop(keys[-1])


def _references(playbook: Playbook) -> Iterator[str]:
    """Yield what a schema cannot say: names lead somewhere, keys are of their object's type, times are in order."""
    agents, targets = playbook.agent_definitions or {}, playbook.target_definitions or {}
    for group in (playbook.workflow, agents, targets):
        for key, one in group.items():
            if key.partition("--")[0] != one.type:
                yield f"{key} is the key of an object of type {one.type!r}"
    if not isinstance(playbook.workflow.get(playbook.workflow_start), Start):
        yield f"workflow_start {playbook.workflow_start} is no start step of the workflow"
    if playbook.workflow_exception and playbook.workflow_exception not in playbook.workflow:
        yield f"workflow_exception {playbook.workflow_exception} is no step of the workflow"
    for key, step in playbook.workflow.items():
        yield from (
            f"{key}: {name} {to} is no step of the workflow" for name, to in step.leads() if to not in playbook.workflow
        )
        if isinstance(step, Action):
            if step.agent not in agents:
                yield f"{key}: agent {step.agent} is not in agent_definitions"
            yield from (
                f"{key}: target {one} is not in target_definitions" for one in step.targets or () if one not in targets
            )
        yield from (
            f"{key}: extension {one} is not in extension_definitions"
            for one in step.step_extensions or ()
            if one not in (playbook.extension_definitions or ())
        )
    if playbook.modified < playbook.created:
        yield "modified is before created"
