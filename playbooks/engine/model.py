"""A playbook as written: typed, closed, every fault named. No expression language: data never becomes code."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from hinomi.detections.engine.safe_yaml import load_all
from hinomi.errors import ConfigError, Faults, HinomiError

MODES = ("draft", "shadow", "simulate", "live")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,6})(ms|s|m|h|d)")
_TEST = re.compile(r"([a-z][a-z0-9_.]{0,60})\s*(==|!=)\s*([A-Za-z0-9_.-]{1,60})")


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value))
    if not match:
        raise ValueError(f"{value!r} is no duration; write 30s, 15m, 1h or 14d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Words = Annotated[list[str], BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]
OnTimeout = Literal["escalate", "continue", "fail"]


class Part(BaseModel):
    """A mapping of a playbook."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Receipt(Part):
    """Somebody must be shown to have received it."""

    flow: int | None = None
    due: Duration
    remind: list[Duration] = Field(default_factory=list)
    escalate: str | None = None


class Verify(Part):
    """The state that must be observed, and by when."""

    state: Literal["isolated", "released", "clean", "done"]
    within: Duration


class Approve(Part):
    """Who must say yes before it is done."""

    role: str
    quorum: int = Field(default=1, ge=1, le=5)
    due: Duration = timedelta(minutes=15)
    on_timeout: OnTimeout = "escalate"
    escalate: str = "operator_lead"


class Step(Part):
    """One step: exactly one of do, notify, report, decide."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")
    flow: int | None = Field(default=None, ge=1, le=11)
    after: Words | None = None
    off_path: bool = False
    condition: str | None = Field(default=None, alias="if")
    do: str | None = None
    target: str | None = None
    undo: str | None = None
    verify: Verify | None = None
    approve: Approve | None = None
    on_failure: str | None = None
    wait: Literal["receipt", "verify"] | None = None
    notify: str | None = None
    copy_to: str | None = Field(default=None, alias="copy")
    template: str | None = None
    receipt: Receipt | None = None
    report: str | None = None
    decide: list[str] | None = None
    by: str | None = None
    to: str | None = None
    due: Duration | None = None
    remind: list[Duration] = Field(default_factory=list)
    escalate: str | None = None
    on_timeout: OnTimeout = "escalate"

    @property
    def kind(self) -> Literal["do", "notify", "report", "decide"]:
        """Which of the four it is."""
        return "do" if self.do else "notify" if self.notify else "report" if self.report else "decide"

    @model_validator(mode="after")
    def _whole(self) -> "Step":
        kinds = [name for name in ("do", "notify", "report", "decide") if getattr(self, name)]
        if len(kinds) != 1:
            raise ValueError("a step has exactly one of do, notify, report, decide")
        needs = {"do": ("target",), "notify": ("template",), "report": ("by", "to", "due"), "decide": ("by", "due")}
        missing = [name for name in needs[kinds[0]] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"a {kinds[0]} step needs {', '.join(missing)}")
        if self.wait == "verify" and self.verify is None:
            raise ValueError("wait: verify needs verify")
        if self.wait == "receipt" and self.receipt is None:
            raise ValueError("wait: receipt needs receipt")
        if self.condition is not None and not all(
            _TEST.fullmatch(part.strip()) for part in self.condition.split(" and ")
        ):
            raise ValueError(
                f"if: {self.condition!r}; write STEP == outcome or incident.field != value, joined by ' and '"
            )
        return self

    def tests(self) -> list[tuple[str, str, str]]:
        """Return (name, operator, value) of `if`, all of which must hold."""
        if self.condition is None:
            return []
        found = (_TEST.fullmatch(part.strip()) for part in self.condition.split(" and "))
        return [(match[1], match[2], match[3]) for match in found if match]


class Match(Part):
    """Which incidents start it; every list that is given must hold the incident's value."""

    cause: Words | None = None
    category: Words | None = None
    severity: Words | None = None
    tenant: Words | None = None


class Playbook(Part):
    """One playbook. ``after`` is filled in: a step without it follows the one above."""

    playbook: Literal[1]
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    version: str
    title: dict[str, str]
    match: Match
    mode: Literal["draft", "shadow", "simulate", "live"] = "shadow"
    steps: list[Step] = Field(min_length=1, max_length=200)

    def step(self, name: str) -> Step:
        """Return a step by its id."""
        return next(step for step in self.steps if step.id == name)

    def after(self, step: Step) -> list[str]:
        """Return the steps that must be done before this one."""
        if step.after is not None or step.off_path:
            return step.after or []
        path = [s.id for s in self.steps if not s.off_path]
        place = path.index(step.id)
        return path[place - 1 : place] if place else []

    @model_validator(mode="after")
    def _graph(self) -> "Playbook":
        names = [step.id for step in self.steps]
        faults = [f"two steps are called {name}" for name in {n for n in names if names.count(n) > 1}]
        for step in self.steps:
            wanted = [*(step.after or ()), *([step.on_failure] if step.on_failure else ())]
            faults += [f"{step.id} names {name!r}, which is no step" for name in wanted if name not in names]
            tested = [test[0] for test in step.tests() if not test[0].startswith("incident.")]
            faults += [f"{step.id} tests {name!r}, which is no step" for name in tested if name not in names]
            if step.on_failure and step.on_failure in names and not self.step(step.on_failure).off_path:
                faults.append(f"on_failure of {step.id} names {step.on_failure!r}, which is not off_path: true")
        if not faults and (cycle := self._cycle()):
            faults.append(f"the steps {' → '.join(cycle)} wait for each other")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _cycle(self) -> list[str]:
        done: set[str] = set()
        left = {step.id: set(self.after(step)) for step in self.steps}
        while ready := [name for name, needs in left.items() if needs <= done]:
            done.update(ready)
            for name in ready:
                del left[name]
        return sorted(left)


def parse(text: str, where: Path | str) -> Playbook:
    """Read one playbook.

    Raises:
        Faults: Naming every fault with its line where that can be told.
    """
    documents = load_all(text.encode(), where)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigError("one mapping is expected", where=where, hint="start with  playbook: 1")
    try:
        return Playbook(**documents[0])
    except ValidationError as error:
        found: list[HinomiError] = []
        for fault in error.errors():
            place = ".".join(str(part) for part in fault["loc"])
            found.append(
                ConfigError(
                    f"{place + ': ' if place else ''}{fault['msg']}",
                    where=_line(text, where, documents[0], fault["loc"]),
                )
            )
        raise Faults(found, hint="docs/reference/playbooks.md lists the keys") from error


def _line(text: str, where: Path | str, document: dict[str, Any], loc: tuple[int | str, ...]) -> str:
    """Return file:line of the step or key that a fault lies in."""
    needle = ""
    if len(loc) >= 2 and loc[0] == "steps" and isinstance(loc[1], int):
        step = document["steps"][loc[1]]
        needle = f"id: {step.get('id')}" if isinstance(step, dict) else ""
    elif loc:
        needle = f"{loc[0]}:"
    for number, line in enumerate(text.splitlines(), 1):
        if needle and needle in line:
            return f"{where}:{number}"
    return str(where)
