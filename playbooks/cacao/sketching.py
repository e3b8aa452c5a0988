"""A playbook of others as far as hinomi can say it: its order and its branches, each step a task or a choice for people."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hinomi.errors import ConfigError
from hinomi.playbooks.cacao.naming import slug
from hinomi.playbooks.cacao.schema import (
    Action,
    AnyStep,
    IfCondition,
    Parallel,
    Playbook,
    PlaybookAction,
    Start,
    SwitchCondition,
    WhileCondition,
)
from hinomi.playbooks.engine.model import UNITS
from hinomi.playbooks.engine.steps.decide import TASK

ASKED, ABOVE, WITHIN = "operator", "operator_lead", "1d"
SAID = ("type", "spec_version", "name", "workflow", "workflow_start")
"""What of a document the sketch itself says."""
LARGEST = 300
MOST = 999_999
"""The longest number of a duration."""


def sketch(document: Playbook, written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a playbook as its file would have it; never started before somebody says so."""
    if len(document.workflow) > LARGEST:
        raise ConfigError(
            f"{len(document.workflow)} steps are too many", where=document.id, hint=f"at most {LARGEST}: split it"
        )
    sketching = _Sketch(document, written["workflow"])
    sketching.walk(document.workflow_start, [], [])
    if document.workflow_exception:
        sketching.keep(document.workflow_exception, "is done when anything goes wrong: hinomi has on_failure of a step")
    beside = {key: value for key, value in written.items() if key not in SAID}
    name = slug(document.name, (), "imported").replace("_", "-")
    return {
        "playbook": 1, "id": name, "version": "1.0.0", "title": {"en": document.name}, "match": {}, "mode": "draft", "steps": sketching.steps,
        "foreign": [*sketching.foreign, {"id": document.id, "why": "what it says beside its steps", "kept": beside}],
    }  # fmt: skip


class _Sketch:
    """Walks through a workflow as it would run."""

    def __init__(self, document: Playbook, written: Mapping[str, Any]):
        self._workflow, self._written = document.workflow, written
        self._names: dict[str, str] = {}
        self._under_way: list[str] = []
        self._walked: set[str] = set()
        self.steps: list[dict[str, Any]] = []
        self.foreign: list[dict[str, Any]] = []

    def walk(self, key: str | None, after: list[str], tests: list[str]) -> list[str]:
        """Write what begins at a step and all that follows it; return what comes next is after."""
        if key is None or (step := self._workflow[key]).type == "end":
            return after
        if key in self._walked:
            self._again(key, after)
            return [self._names[key]] if key in self._names and key not in self._under_way else after
        self._walked.add(key)
        self._under_way.append(key)
        outs = self._one(key, step, after, tests)
        if step.on_success is None and step.on_failure is None:
            found = self.walk(step.on_completion, outs, tests)
        else:
            task = isinstance(step, Action | PlaybookAction)
            done, failed = ([*tests, f"{self._names[key]} == {outcome}"] if task else tests for outcome in TASK)
            found = _once([*self.walk(step.on_success, outs, done), *self.walk(step.on_failure, outs, failed)])
        self._under_way.pop()
        return found

    def _one(self, key: str, step: AnyStep, after: list[str], tests: list[str]) -> list[str]:
        """Write one step with the branches inside it; return what follows it is after."""
        if isinstance(step, Start):
            return after
        if isinstance(step, Parallel):
            return _once([name for branch in step.next_steps for name in self.walk(branch, after, tests)])
        options, why = _choices(step)
        name = self._add(key, step, options, after, tests)
        self.keep(key, why)
        outs = [name]
        for option, branch in _branches(step):
            outs += self.walk(branch, [name], [*tests, f"{name} == {option}"])
        return _once(outs)

    def _add(self, key: str, step: AnyStep, options: list[str], after: list[str], tests: list[str]) -> str:
        name = slug(step.name or step.type, [one["id"] for one in self.steps], step.type.replace("-", "_"))
        self._names[key] = name
        found = {
            "id": name,
            "after": after,
            "decide": options,
            "by": ASKED,
            "due": _due(step.timeout),
            "escalate": ABOVE,
        }
        self.steps.append({**found, "if": " and ".join(tests)} if tests else found)
        return name

    def _again(self, key: str, after: list[str]) -> None:
        """A step that is reached once more: a loop, or one that several branches lead to."""
        if key in self._under_way:
            self.keep(key, "is a loop: hinomi never goes back")
            return
        self.keep(key, "is reached from several branches: here it runs as the first of them has it")
        for step in self.steps:
            if step["id"] == self._names.get(key):
                step["after"] = _once([*step["after"], *(name for name in after if name != step["id"])])

    def keep(self, key: str, why: str) -> None:
        """Keep a step whole."""
        known = any(entry["id"] == key for entry in self.foreign)
        step = {"step": self._names[key]} if key in self._names else {}
        self.foreign.append({"id": key, "why": why, **step, **({} if known else {"kept": self._written[key]})})


def _choices(step: AnyStep) -> tuple[list[str], str]:
    """Return what people choose between in place of a step, and what it is that they stand in for."""
    if isinstance(step, Action):
        return TASK, f"commands of type {', '.join(dict.fromkeys(command.type for command in step.commands))}"
    if isinstance(step, PlaybookAction):
        return TASK, "another playbook is run"
    if isinstance(step, IfCondition):
        return ["yes", "no"], f"condition {step.condition}"
    if isinstance(step, SwitchCondition):
        return [option for option, _ in _branches(step)] or TASK, f"switch on {step.switch}"
    return TASK, f"while {step.condition}" if isinstance(step, WhileCondition) else step.type


def _branches(step: AnyStep) -> Iterator[tuple[str, str]]:
    """Yield the branches inside a step: what is chosen, and where it leads."""
    if isinstance(step, IfCondition):
        yield "yes", step.on_true
        if step.on_false is not None:
            yield "no", step.on_false
    elif isinstance(step, WhileCondition):
        yield TASK[0], step.on_true
    elif isinstance(step, SwitchCondition):
        taken: list[str] = []
        for case, branch in step.cases.items():
            taken.append(_word(case, taken))
            yield taken[-1], branch


def _word(case: str, taken: list[str]) -> str:
    """Return a case as a choice that an `if` can ask for."""
    base = re.sub(r"[^A-Za-z0-9_.-]+", "_", case).strip("_")[:50] or "case"
    return next(word for n in range(1, len(taken) + 2) if (word := base if n == 1 else f"{base}_{n}") not in taken)


def _due(millis: int | None) -> str:
    if not millis:
        return WITHIN
    for unit, size in UNITS.items():
        if millis % size == 0 and millis // size <= MOST:
            return f"{millis // size}{unit}"
    return next(
        (f"{math.ceil(millis / size)}{unit}" for unit, size in reversed(UNITS.items()) if millis / size <= MOST),
        f"{MOST}d",
    )


def _once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))
