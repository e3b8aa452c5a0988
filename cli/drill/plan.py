"""What a drill will be: whose PC, which playbooks at which pace, who is asked, which products are simulated."""

import importlib.util
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from hinomi.cli.drill.flows import FLOWS, Flow
from hinomi.cli.drill.material import Material
from hinomi.cli.drill.options import Options
from hinomi.detections.engine.safe_yaml import load_all
from hinomi.directory import Device, Directory, Person
from hinomi.errors import ConfigError, UnknownComponentError
from hinomi.playbooks.engine import people
from hinomi.playbooks.engine.library import Entry
from hinomi.playbooks.engine.model import Duration, Playbook, Step
from hinomi.playbooks.engine.runs import matches
from hinomi.playbooks.messages import words
from hinomi.playbooks.vendors import vendors
from hinomi.tenancy import within

PEOPLE_KEYS = ("due", "remind")
"""Times that people have, which the pace shortens; the time that a product has to be seen done is its own."""
_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
_LEAST_WHOLE = 600.0
"""Seconds from which on a shortened time is written in seconds."""


@dataclass(frozen=True)
class Plan:
    """``simulators``: a product's table of the settings → the module of its simulator."""

    options: Options
    material: Material
    flow: Flow
    device: Device
    owner: Person | None
    entries: list[Entry]
    simulators: dict[str, str]
    notes: list[str]

    @property
    def directory(self) -> Directory:
        """Who and what there is."""
        return self.material.directory

    @property
    def facts(self) -> dict[str, Any]:
        """The incident, as far as roles and playbooks look at it."""
        owner = self.owner.id if self.owner else ""
        return {
            **self.flow.facts,
            "tenant": self.device.tenant,
            "host": self.device.id if self.flow.of_device else "",
            "user": owner,
        }

    def holders(self, role: str) -> list[Person]:
        """Return who holds a role in this incident."""
        return people.holders(self.directory, self.facts, role)

    def reached(self, role: str) -> list[people.Recipient]:
        """Return whom of a role messages reach; a teacher's must reach them off their PC."""
        return people.recipients(self.directory, self.facts, role, off_device=role == "teacher")

    def roles(self) -> list[str]:
        """Return the roles that the playbooks name, each once."""
        return list(dict.fromkeys(role for entry in self.entries for role in roles_of(entry.playbook)))


def make(material: Material, options: Options) -> Plan:
    """Plan a drill.

    Raises:
        ConfigError: If the tenant or the device is not there, or no playbook answers such an incident.
    """
    flow, directory = FLOWS[options.flow], material.directory
    simulators, notes = _simulators(material)
    device = _device(directory, options, simulators)
    plan = Plan(
        options, material, flow, device, directory.person(device.owner) if device.owner else None, [], simulators, notes
    )
    fitting = [entry for entry in material.library.values() if matches(entry.playbook.match, plan.facts)]
    entries = [entry for entry in fitting if material.modes[entry.playbook.id] != "draft"] or fitting
    if not entries:
        told = ", ".join(f"{name} {value}" for name, value in flow.facts.items())
        hint = "hinomi playbook list; playbook.match says what a playbook answers"
        raise ConfigError(f"no playbook answers an incident of {told} in {device.tenant}", hint=hint)
    plan.entries.extend(entries)
    plan.notes.extend(_unreachable(plan))
    return plan


def _device(directory: Directory, options: Options, simulators: Mapping[str, str]) -> Device:
    if options.tenant and options.tenant not in {tenant.path for tenant in directory.tenants}:
        known = ", ".join(tenant.path for tenant in directory.tenants if tenant.kind == "school")
        raise ConfigError(f"no tenant {options.tenant!r}", hint=f"schools: {known or 'none'}")
    if options.device:
        return directory.the_device(options.device, options.tenant)
    owned = [d for d in directory.devices if within(d.tenant, options.tenant) and not d.protected and d.owner]
    if not owned:
        where = options.tenant or "the directory"
        raise ConfigError(f"no PC of {where} has an owner", hint="fill in `owner` in devices.csv, or give --device")

    def fit(device: Device) -> tuple[bool, bool]:
        owner = directory.person(device.owner)
        return bool(simulators.keys() & device.vendors.keys()), bool(owner and (owner.mail_off or owner.mail))

    best = max(map(fit, owned))
    fitting = sorted((d for d in owned if fit(d) == best), key=lambda d: d.id)
    return random.Random(f"drill {options.seed}").choice(fitting)  # noqa: S311 - a choice, no secret


def _simulators(material: Material) -> tuple[dict[str, str], list[str]]:
    """Return what stands in for the products of the settings; where there are none, for those the directory names."""
    tables = {name: str(table.get("product", name)) for name, table in material.settings.vendors.items()}
    known = {name for device in material.directory.devices for name in device.vendors}
    found, notes = {}, []
    for name, product in (tables or {name: name for name in sorted(known)}).items():
        if module := simulator_of(product):
            found[name] = module
        else:
            notes.append(f"製品「{name}」の模擬がないため、その処置は手動の作業として扱った。")
    return found, notes


def simulator_of(product: str) -> str | None:
    """Return the module of a product's simulator, which stands beside its adapter; None if there is none."""
    try:
        package = str(vendors.get(product).__module__).rpartition(".")[0]
    except UnknownComponentError:
        return None
    name = f"{package}.simulator"
    return name if importlib.util.find_spec(name) else None


def _unreachable(plan: Plan) -> Iterator[str]:
    """Say which roles no message reaches: that is what a drill finds first."""
    for role in plan.roles():
        if not plan.reached(role):
            why = (
                "端末以外の連絡先（mail_off）が登録されていない"
                if role == "teacher" and plan.holders(role)
                else "連絡先のある担当者がいない"
            )
            yield f"役割「{words.word(words.ROLES, role)}」に{why}。"


def roles_of(playbook: Playbook) -> Iterator[str]:
    """Yield the roles that a playbook writes to or asks."""
    for step in playbook.steps:
        yield from (role for role in _roles_of(step) if role and role != "system")


def _roles_of(step: Step) -> tuple[str | None, ...]:
    approve, receipt = step.approve, step.receipt
    asked = (step.notify, step.copy_to, step.by, step.to, approve.role if approve else None)
    return (*asked, step.escalate, receipt.escalate if receipt else None, approve.escalate if approve else None)


# --- the pace --------------------------------------------------------------------------------------------


def paced(body: str, pace: float, where: str) -> str:
    """Return a playbook in which the times of people pass ``pace`` times as fast; all else is as it was."""
    if pace == 1:
        return body
    documents = [_paced(document, pace) for document in load_all(body.encode(), where)]
    head = f"# A copy for hinomi drill: people's times pass {pace:g} times as fast.\n"
    return head + yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False)


def _paced(part: Any, pace: float, *, people: bool = False) -> Any:
    if isinstance(part, dict):
        return {key: _paced(value, pace, people=key in PEOPLE_KEYS) for key, value in part.items()}
    if isinstance(part, list):
        return [_paced(value, pace, people=people) for value in part]
    return shortened(part, pace) if people and isinstance(part, str) else part


def shortened(duration: str, pace: float) -> str:
    """Return a playbook's duration divided by the pace: ``30m`` at 60 is ``30000ms``."""
    try:
        seconds = _DURATION.validate_python(duration).total_seconds() / pace
    except ValidationError:  # no duration: its playbook says so when it is read
        return duration
    return f"{round(seconds)}s" if seconds >= _LEAST_WHOLE else f"{max(round(seconds * 1000), 1)}ms"
