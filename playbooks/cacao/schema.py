"""The objects of CACAO 2.0, written from the specification: section 3 (playbook), 4 (steps), 5 (commands), 7 (agents), 8, 10."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
SPECIFICATION = "https://docs.oasis-open.org/cacao/security-playbooks/v2.0/cs01/security-playbooks-v2.0-cs01.html"
Identifier = Annotated[str, StringConstraints(pattern=rf"^[a-z][a-z0-9-]+[a-z0-9]--{_UUID}$")]
Extension = Annotated[str, StringConstraints(pattern=rf"^extension-definition--{_UUID}$")]
Timestamp = Annotated[
    str,
    StringConstraints(
        pattern=r"^\d{4}-(0[1-9]|1[012])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?Z$"
    ),
]
VariableName = Annotated[str, StringConstraints(pattern=r"^__[a-zA-Z_][a-zA-Z0-9_-]{0,199}__$")]
Whole = Annotated[int, Field(ge=0, strict=True)]
Grade = Annotated[int, Field(ge=0, le=100, strict=True)]
Texts = Annotated[list[str], Field(min_length=1)]
Identifiers = Annotated[list[Identifier], Field(min_length=1)]


class Object(BaseModel):
    """A closed object: what the specification does not name is not there."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Open(BaseModel):
    """An object whose other properties depend on a type that others may add to."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Variable(Object):
    """10.18."""

    type: str
    description: str | None = None
    value: str | dict[str, Any] | None = None
    constant: bool | None = None
    external: bool | None = None


class Reference(Open):
    """10.9, an external reference."""

    name: str | None = None
    description: str | None = None


class Command(Open):
    """5."""

    type: str
    description: str | None = None
    version: str | None = None
    playbook_activity: str | None = None
    external_references: list[Reference] | None = None
    command: str | None = None
    command_b64: str | None = None

    @model_validator(mode="after")
    def _said(self) -> "Command":
        if self.type == "manual" and self.command is None and self.command_b64 is None:
            raise ValueError("a manual command has command or command_b64")
        return self


class AgentTarget(Open):
    """7."""

    type: str
    name: str
    description: str | None = None
    agent_target_extensions: dict[Extension, dict[str, Any]] | None = None


class ExtensionDefinition(Object):
    """8."""

    type: Literal["extension-definition"]
    name: str
    description: str | None = None
    created_by: Identifier
    schema_: str = Field(alias="schema")
    version: str
    external_references: list[Reference] | None = None


class Step(Object):
    """4.1: what all steps have. What follows is named by ``on_completion``, or by ``on_success`` and ``on_failure``."""

    name: str | None = None
    description: str | None = None
    external_references: list[Reference] | None = None
    delay: Whole | None = None
    timeout: Whole | None = None
    step_variables: dict[VariableName, Variable] | None = None
    owner: Identifier | None = None
    on_completion: Identifier | None = None
    on_success: Identifier | None = None
    on_failure: Identifier | None = None
    step_extensions: dict[Extension, dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _followed(self) -> "Step":
        if self.on_completion is not None and (self.on_success is not None or self.on_failure is not None):
            raise ValueError("on_completion goes with neither on_success nor on_failure")
        return self

    def leads(self) -> list[tuple[str, str]]:
        """Return (property, step) of everything that a step leads to."""
        found = [
            (name, getattr(self, name))
            for name in ("on_completion", "on_success", "on_failure", "on_true", "on_false")
            if getattr(self, name, None)
        ]
        found += [("next_steps", step) for step in getattr(self, "next_steps", ())]
        return found + [("cases", step) for step in getattr(self, "cases", {}).values()]


class Start(Step):
    """4.3."""

    type: Literal["start"]

    @model_validator(mode="after")
    def _plain(self) -> "Start":
        if self.on_success is not None or self.on_failure is not None:
            raise ValueError("a start step has on_completion, not on_success or on_failure")
        return self


class End(Step):
    """4.4."""

    type: Literal["end"]

    @model_validator(mode="after")
    def _last(self) -> "End":
        if self.leads():
            raise ValueError("an end step leads nowhere")
        return self


class Action(Step):
    """4.5."""

    type: Literal["action"]
    commands: list[Command] = Field(min_length=1)
    agent: Identifier
    targets: Identifiers | None = None
    in_args: Texts | None = None
    out_args: Texts | None = None


class PlaybookAction(Step):
    """4.6."""

    type: Literal["playbook-action"]
    playbook_id: Identifier
    playbook_version: Timestamp | None = None
    in_args: Texts | None = None
    out_args: Texts | None = None


class Parallel(Step):
    """4.7."""

    type: Literal["parallel"]
    next_steps: list[Identifier] = Field(min_length=2)


class IfCondition(Step):
    """4.8."""

    type: Literal["if-condition"]
    condition: str
    on_true: Identifier
    on_false: Identifier | None = None


class WhileCondition(Step):
    """4.9."""

    type: Literal["while-condition"]
    condition: str
    on_true: Identifier


class SwitchCondition(Step):
    """4.10."""

    type: Literal["switch-condition"]
    switch: str
    cases: dict[str, Identifier] = Field(min_length=1)


def _type(value: Any) -> str:
    return str(value.get("type") if isinstance(value, Mapping) else getattr(value, "type", ""))


AnyStep = Annotated[
    Annotated[Start, Tag("start")] | Annotated[End, Tag("end")] | Annotated[Action, Tag("action")]
    | Annotated[PlaybookAction, Tag("playbook-action")] | Annotated[Parallel, Tag("parallel")] | Annotated[IfCondition, Tag("if-condition")]
    | Annotated[WhileCondition, Tag("while-condition")] | Annotated[SwitchCondition, Tag("switch-condition")],
    Discriminator(_type),
]  # fmt: skip


class Playbook(Object):
    """3.1."""

    type: Literal["playbook"]
    spec_version: Literal["cacao-2.0"]
    id: Annotated[str, StringConstraints(pattern=rf"^playbook--{_UUID}$")]
    name: str
    description: str | None = None
    playbook_types: list[str] | None = None
    playbook_activities: Texts | None = None
    playbook_processing_summary: dict[str, bool] | None = None
    created_by: Identifier
    created: Timestamp
    modified: Timestamp
    revoked: bool | None = None
    valid_from: Timestamp | None = None
    valid_until: Timestamp | None = None
    derived_from: Identifiers | None = None
    related_to: Identifiers | None = None
    priority: Grade | None = None
    severity: Grade | None = None
    impact: Grade | None = None
    industry_sectors: Texts | None = None
    labels: Texts | None = None
    external_references: Annotated[list[Reference], Field(min_length=1)] | None = None
    markings: Identifiers | None = None
    playbook_variables: dict[VariableName, Variable] | None = None
    workflow_start: Identifier
    workflow_exception: Identifier | None = None
    workflow: dict[Identifier, AnyStep]
    playbook_extensions: dict[Extension, dict[str, Any]] | None = None
    authentication_info_definitions: dict[Identifier, Open] | None = None
    agent_definitions: dict[Identifier, AgentTarget] | None = None
    target_definitions: dict[Identifier, AgentTarget] | None = None
    extension_definitions: dict[Extension, ExtensionDefinition] | None = None
    data_marking_definitions: dict[Identifier, Open] | None = None
    signatures: Annotated[list[Open], Field(min_length=1)] | None = None
