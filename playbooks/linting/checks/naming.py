"""Names: of actions, targets, templates, reports and roles; and whether anybody holds a role."""

from collections.abc import Iterator
from typing import Any

from hinomi.directory import Directory
from hinomi.playbooks.engine.graph import meant
from hinomi.playbooks.engine.model import Approve, Playbook, Step
from hinomi.playbooks.engine.steps.report import BY_ITSELF
from hinomi.playbooks.linting.checks import Said
from hinomi.playbooks.linting.known import TARGETS, Known
from hinomi.playbooks.writing import step_of
from hinomi.tenancy import within

ROLES = (
    ("notify",),
    ("copy",),
    ("by",),
    ("to",),
    ("escalate",),
    ("approve", "role"),
    ("approve", "escalate"),
    ("receipt", "escalate"),
)
NEEDED = (("notify",), ("by",), ("to",), ("approve", "role"))
"""Who is told or asked first; without them somebody above has to see to it."""
SCHOOLS_NAMED = 3


def roles_of(step: Step) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every role that a step names, with the keys that lead there."""
    written = step_of(step)
    for keys in ROLES:
        value: Any = written
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            yield keys, value


def names(playbook: Playbook, known: Known) -> Iterator[Said]:
    """What a step names is there."""
    for number, step in enumerate(playbook.steps):
        for key, kind, value, there in (
            ("do", "action", step.do, known.actions), ("undo", "action", step.undo, known.actions),
            ("target", "target", step.target, TARGETS), ("template", "message template", step.template, known.templates),
            ("report", "kind of report", step.report, known.reports),
        ):  # fmt: skip
            if value is not None and value not in there:
                yield Said(["steps", number, key], f"no {kind} is called {value!r}", meant(value, there))
        for keys, role in roles_of(step):
            if role not in known.roles and not (step.report and keys == ("by",) and role == BY_ITSELF):
                yield Said(["steps", number, *keys], f"no role is called {role!r}", meant(role, known.roles))


def holders(playbook: Playbook, known: Known) -> Iterator[Said]:
    """Somebody holds the roles that are told or asked, in every school that the playbook is for."""
    directory = known.directory
    if directory is None:
        return
    schools = _schools(playbook, directory)
    if not schools:
        yield Said(
            ["match", "tenant"],
            "the directory has no school that it is for",
            "hinomi directory show tenants",
            "warning",
        )
    for number, step in enumerate(playbook.steps):
        for keys, role in roles_of(step):
            if keys not in NEEDED or role not in known.roles or role == "teacher":
                continue
            if without := [school for school in schools if not directory.holders(role, school)]:
                approving = keys == ("approve", "role")
                what = f"nobody is {role} for {_some(without, len(schools))}"
                remedy = (
                    "add somebody to people.csv; until then it waits and escalates at once"
                    if approving
                    else "add somebody to people.csv"
                )
                yield Said(
                    ["steps", number, *keys],
                    what,
                    remedy,
                    "error" if approving and len(without) == len(schools) else "warning",
                )
            elif step.approve and keys == ("approve", "role") and step.approve.quorum > 1:
                yield from _enough(step.approve, number, directory, schools)


def _enough(approve: Approve, number: int, directory: Directory, schools: list[str]) -> Iterator[Said]:
    quorum, role = approve.quorum, approve.role
    if few := [school for school in schools if len(directory.holders(role, school)) < quorum]:
        what = f"fewer than {quorum} persons are {role} for {_some(few, len(schools))}"
        yield Said(
            ["steps", number, "approve", "quorum"], what, "add somebody to people.csv, or lower the quorum", "warning"
        )


def _schools(playbook: Playbook, directory: Directory) -> list[str]:
    wanted = playbook.match.tenant
    schools = [tenant.path for tenant in directory.tenants if tenant.kind == "school"]
    return [path for path in schools if wanted is None or any(within(path, subtree) for subtree in wanted)]


def _some(found: list[str], count: int) -> str:
    if len(found) == count:
        return "any school" if count > 1 else found[0]
    more = f" and {len(found) - SCHOOLS_NAMED} more" if len(found) > SCHOOLS_NAMED else ""
    return f"{', '.join(found[:SCHOOLS_NAMED])}{more}"
