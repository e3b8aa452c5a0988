"""A playbook as written: typed, closed, every fault named. No expression language: data never becomes code."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from hinomi.detections.engine.safe_yaml import load_all
from hinomi.errors import ConfigError, Faults
from hinomi.playbooks.engine import graph
from hinomi.playbooks.engine.places import Keys, Text

REFERENCE = "docs/reference/playbooks.md lists the keys"
SAID = 3
"""Foreign pieces that are named before the rest is counted."""
MODES = ("draft", "shadow", "simulate", "live")
UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Names of durations, and their milliseconds."""
OUTCOME = r"[A-Za-z0-9_.-]{1,60}"
"""What an ``if`` can ask for."""
_DURATION = re.compile(rf"(\d{{1,6}})({'|'.join(UNITS)})")
_TEST = re.compile(rf"([a-z][a-z0-9_.]{{0,60}})\s*(==|!=)\s*({OUTCOME})")


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value))
    if not match:
        raise ValueError(f"{value!r} is no duration; write 30s, 15m, 1h or 14d")
    return timedelta(milliseconds=int(match[1]) * UNITS[match[2]])


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


class Foreign(Part):
    """A piece of an import that hinomi cannot express: kept whole, and in the way of going live."""

    id: str
    why: str
    step: str | None = None
    kept: Any = None


class Playbook(Part):
    """One playbook. ``after`` is filled in: a step without it follows the one above."""

    playbook: Literal[1]
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    version: str
    title: dict[str, str]
    match: Match
    mode: Literal["draft", "shadow", "simulate", "live"] = "shadow"
    steps: list[Step] = Field(min_length=1, max_length=200)
    foreign: list[Foreign] = Field(default_factory=list)
    tests: list[dict[str, Any]] = Field(default_factory=list)
    """What `hinomi playbook test` plays (`hinomi.playbooks.rehearsal`); a run never looks at them."""

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

    def strange(self) -> str:
        """Say what of an import hinomi cannot express; empty if there is nothing."""
        named = ", ".join(f"{entry.id} ({entry.why})" for entry in self.foreign[:SAID])
        more = f" and {len(self.foreign) - SAID} more" if len(self.foreign) > SAID else ""
        return f"hinomi cannot express {named}{more}" if self.foreign else ""


def parse(text: str, where: Path | str) -> Playbook:
    """Read one playbook.

    Raises:
        Faults: Naming every fault with its line and column, and what to do.
    """
    documents = load_all(text.encode(), where)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigError("one mapping is expected", where=where, hint="start with  playbook: 1")
    try:
        playbook = Playbook.model_validate(documents[0])
    except ValidationError as error:
        found = list(schema_faults(error, Playbook))
    else:
        found = list(graph.faults(playbook))
        if not found:
            return playbook
    places = Text(text, where)
    raise Faults(
        [ConfigError(what, where=places.at(keys), hint=remedy) for keys, what, remedy in found], hint=REFERENCE
    )


def read(path: Path) -> tuple[Playbook, str]:
    """Return the playbook of a file, and its text.

    Raises:
        ConfigError: If it is not UTF-8.
        Faults: As `parse`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 at byte {error.start}", where=f"{path}:1:1", hint="save it as UTF-8") from error
    return parse(text, path), text


def schema_faults(error: ValidationError, model: type[BaseModel]) -> Iterator[graph.Fault]:
    """Yield what pydantic found: the keys that lead there, what it is, what to do."""
    for fault in error.errors():
        keys, what, remedy = fault["loc"], fault["msg"].removeprefix("Value error, "), ""
        if fault["type"] == "extra_forbidden":
            what, remedy = "no such key", graph.meant(str(keys[-1]), _keys(model, keys[:-1]))
        elif fault["type"] == "missing":
            what, remedy = "is missing", f"write {keys[-1]}: …"
        yield graph.Fault(keys, f"{'.'.join(str(key) for key in keys)}: {what}" if keys else what, remedy)


def _keys(model: type[BaseModel], keys: Keys) -> list[str]:
    """Return the keys of the mapping that keys lead to in a model."""
    found: Any = model
    for key in keys:
        if isinstance(key, int) or found is None:
            continue
        named = {field.alias or name: field for name, field in found.model_fields.items()}
        found = _model_in(named[key].annotation) if key in named else None
    return [field.alias or name for name, field in found.model_fields.items()] if found is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model in ``Receipt | None`` or ``list[Step]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
