"""Conditions: what `match` and `if` ask for exists, can be so, and is known by then."""

from collections.abc import Iterator

from hinomi.playbooks.engine.graph import before, meant
from hinomi.playbooks.engine.model import Playbook, Step
from hinomi.playbooks.linting.checks import Level, Said
from hinomi.playbooks.linting.known import Known

OUTCOMES = {
    "do": ("verified", "adopted", "held_by_others", "not_held", "superseded", "denied", "refused", "not_accepted", "not_verified", "failed", "unknown",
           "manual", "manual_done", "manual_not_possible"),
    "notify": ("handed", "received", "nobody"),
    "report": ("handed", "nobody"),
    "decide": (),
}  # fmt: skip
ANY = ("condition", "timeout", "written_off", "simulated")
"""Outcomes that any step may have: skipped by its own `if`, out of time, written off, only planned."""


def match(playbook: Playbook, known: Known) -> Iterator[Said]:
    """A playbook says for which incidents it is, in values that incidents have."""
    given = playbook.match.model_dump(exclude_none=True)
    if not given:
        yield Said(
            ["match"], "it starts for every incident", "write match: {cause: external, category: [malware]}", "warning"
        )
    for key in ("cause", "category", "severity"):
        for value in given.get(key, ()):
            for said in _value(known, key, value):
                yield said._replace(keys=["match", key])


def conditions(playbook: Playbook, known: Known) -> Iterator[Said]:
    """An `if` asks for what is there, and can be fulfilled."""
    for number, step in enumerate(playbook.steps):
        wanted: dict[str, str] = {}
        for name, sign, value in step.tests():
            for said in _test(playbook, known, step, name, value):
                yield said._replace(keys=["steps", number, "if"])
            if sign == "==" and wanted.setdefault(name, value) != value:
                what = f"it never runs: {name} cannot be both {wanted[name]!r} and {value!r}"
                yield Said(["steps", number, "if"], what, "write two steps, one for each")


def _test(playbook: Playbook, known: Known, step: Step, name: str, value: str) -> Iterator[Said]:
    if name.startswith("incident."):
        yield from _fact(known, name.removeprefix("incident."), value)
        return
    asked = playbook.step(name)
    possible = (*(asked.decide or ()), *OUTCOMES[asked.kind])
    if value not in (*possible, *ANY):
        yield Said([], f"{name} never comes out as {value!r}", meant(value, possible))
    if name == step.id:
        yield Said([], "it asks for its own outcome, which is not known yet", "ask for a step before it")
    elif name not in before(playbook, step.id) and not asked.off_path and not step.off_path:
        yield Said([], f"{name} need not be done by then: {step.id} does not come after it", f"add {name} to after")
    elif asked.kind == "do" and asked.wait != "verify" and value in OUTCOMES["do"] and asked.approve is None:
        what = f"what became of {name} is not known yet: those after it start when the product has accepted it"
        yield Said([], what, f"write wait: verify on {name}", "warning")


def _fact(known: Known, field: str, value: str) -> Iterator[Said]:
    if field not in known.facts:
        yield Said([], f"an incident has no field {field!r}", meant(field, known.facts))
    elif known.facts[field]:
        yield from _value(known, field, value)


def _value(known: Known, field: str, value: str) -> Iterator[Said]:
    if value not in known.facts[field]:
        level: Level = "warning" if field == "category" else "error"
        yield Said([], f"no incident has the {field} {value!r}", meant(value, known.facts[field]), level)
