"""A test as a playbook has it: what is so, what people and the product answer, what must have happened."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from hinomi.errors import ConfigError, Faults
from hinomi.playbooks.engine.model import Duration, Part, Playbook, Words, schema_faults
from hinomi.playbooks.engine.places import Text

WATCHED = timedelta(days=60)
"""How long a rehearsal goes on, if its run does not end before."""


class Given(Part):
    """What is so. What is left out is as the playbook's `match` asks for, and as the good case has it."""

    category: str | None = None
    cause: Literal["external", "internal"] | None = None
    severity: Literal["informational", "low", "medium", "high", "critical"] | None = None
    file_class: Literal["I", "II", "III", "IV"] | None = None
    host: bool = True
    """Whether a device is concerned, which the directory knows."""
    protected: bool = False
    file: bool = True
    """Whether the hash of the file is known."""
    alert: bool | None = None
    """Whether a rule has opened the incident, and not a person; without it: where the cause is external."""
    contain: Literal["auto", "never"] = "auto"
    trusted: bool = True
    backfill: bool = False
    age: Duration = timedelta(0)
    """How old the event is when it arrives."""
    isolated: bool = False
    """Whether the device was cut off before, by somebody else."""
    killswitch: bool = False
    nobody: Words = Field(default_factory=list)
    """Roles that nobody holds."""


class Answer(Part):
    """What somebody answers to a step, and when."""

    at: Duration
    step: str
    answer: str
    """received, submitted, approve, deny, done, not_possible, or a choice of the decision."""
    by: str | None = None
    """The role of who answers; without it that which is asked."""


class Expected(Part):
    """What must have happened: a step has become something, or a message of it went out; or it never did."""

    step: str = ""
    at: Duration | None = None
    is_: str | None = Field(default=None, alias="is")
    message: str | None = None
    to: str | None = None
    never: bool = False

    @model_validator(mode="after")
    def _one(self) -> "Expected":
        if not self.never and (self.is_ is None) == (self.message is None):
            raise ValueError("write one of  is: verified,  message: escalation,  never: true")
        if not (self.step or self.message):
            raise ValueError("write step: NAME")
        if self.never and self.at is not None:
            raise ValueError("what never happens has no time: leave at out")
        return self


Behaviour = Literal["refused", "failed", "never", "unreachable"] | Duration
"""What the product does with an act: it is seen done after a time; or refused, taken and failed, never seen, or no answer."""


class Case(Part):
    """One test."""

    name: str
    given: Given = Field(default_factory=Given)
    vendor: dict[str, Behaviour] = Field(default_factory=dict)
    answers: list[Answer] = Field(default_factory=list)
    until: Duration = WATCHED
    expect: list[Expected] = Field(min_length=1)


def cases_of(playbook: Playbook, text: Text) -> list[tuple[str, Case]]:
    """Return a playbook's tests, each with where it stands.

    Raises:
        Faults: Naming every fault with its line.
    """
    found: list[tuple[str, Case]] = []
    faults = []
    for number, written in enumerate(playbook.tests):
        try:
            found.append((text.at(["tests", number]), Case.model_validate(written)))
        except ValidationError as error:
            for keys, what, remedy in schema_faults(error, Case):
                faults.append(ConfigError(what, where=text.at(["tests", number, *keys]), hint=remedy or None))
    if faults:
        raise Faults(faults)
    return found
