"""A playbook of ours as CACAO 2.0: steps that anybody can follow, and ours beside them in an extension.

What stands beside each other in a playbook is `parallel`, an `if` an `if-condition`, an approval a step of its own before
the act. Where steps join so that branches cannot say it, what may start together is a `parallel`, and the rest waits for it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from hinomi import __version__
from hinomi.clock import iso
from hinomi.playbooks.cacao.checking import check
from hinomi.playbooks.cacao.naming import CREATED_BY, EXTENSION, identifier
from hinomi.playbooks.cacao.schema import SPECIFICATION
from hinomi.playbooks.engine.model import Playbook, Step
from hinomi.playbooks.messages import words
from hinomi.playbooks.writing import duration, head_of, step_of

#: Action → what OpenC2 and CACAO call it.
_ACTIVITIES = {
    "endpoint.isolate": ("disconnect-system", "OpenC2: contain device"), "endpoint.release": ("restore-capabilities", "OpenC2: allow device"),
    "endpoint.scan": ("scan-system", "OpenC2: scan device"), "endpoint.quarantine_file": ("eliminate-risk", "OpenC2: contain file"),
    "endpoint.wipe": ("eliminate-risk", "OpenC2: delete device"), "endpoint.lock": ("restrict-access", "OpenC2: deny device"),
}  # fmt: skip
_SEVERITY = {"informational": 10, "low": 30, "medium": 50, "high": 75, "critical": 95}
_EXTENSION = {
    "type": "extension-definition", "name": "hinomi", "created_by": CREATED_BY, "version": "1.0.0",
    "description": "The playbook's own keys: match, mode, version; of a step: approval, verification, receipt, escalation, report.",
    "schema": "The keys of a hinomi playbook (docs/reference/playbooks.md): in playbook_extensions under 'playbook' all but its steps, in order "
              "under 'order' their ids; in step_extensions under 'step' the step's own keys, or under 'approval_of' whose approval it is.",
}  # fmt: skip


def write(playbook: Playbook, now: datetime) -> dict[str, Any]:
    """Return a playbook as a CACAO document, checked as an import would be."""
    document = _Writer(playbook).document(now)
    check(document, playbook.id)
    return document


class _Writer:
    """Collects the objects of one document."""

    def __init__(self, playbook: Playbook):
        self._playbook = playbook
        self._workflow: dict[str, dict[str, Any]] = {}
        self._agents: dict[str, dict[str, Any]] = {}
        self._targets: dict[str, dict[str, Any]] = {}
        self._activities: dict[str, None] = {}

    def document(self, now: datetime) -> dict[str, Any]:
        playbook, stamp = self._playbook, iso(now)[:23] + "Z"
        end = self._end("whole")
        first = self._flow([step.id for step in playbook.steps if not step.off_path], end)
        start = self._step("start", "start", name="start", on_completion=first)
        title = playbook.title.get("en") or playbook.title.get("ja") or playbook.id
        severities = [_SEVERITY[one] for one in playbook.match.severity or () if one in _SEVERITY]
        found = {
            "type": "playbook", "spec_version": "cacao-2.0", "id": identifier("playbook", playbook.id), "name": title,
            "description": " / ".join(dict.fromkeys(playbook.title.values())), "playbook_types": ["mitigation", "notification"],
            "playbook_activities": [*self._activities] or None, "created_by": CREATED_BY, "created": stamp, "modified": stamp,
            "severity": max(severities, default=None), "industry_sectors": ["education"],
            "labels": ["hinomi", f"version-{playbook.version}"], "playbook_variables": self._variables(), "workflow_start": start,
            "workflow": self._workflow, "agent_definitions": self._agents, "target_definitions": self._targets,
            "playbook_extensions": {EXTENSION: {"playbook": head_of(playbook), "order": [step.id for step in playbook.steps],
                                                "off_path": {step.id: step_of(step) for step in playbook.steps if step.off_path}}},
            "extension_definitions": {EXTENSION: {**_EXTENSION, "external_references": [{"name": "hinomi", "description": f"hinomi {__version__}"}]}},
            "external_references": [{"name": "CACAO Security Playbooks 2.0", "url": SPECIFICATION}],
        }  # fmt: skip
        return {key: value for key, value in found.items() if value not in (None, {})}

    # --- the order ----------------------------------------------------------------------------------

    def _flow(self, names: list[str], following: str) -> str:
        """Write these steps so that they lead to what follows; return the first of them."""
        if not names:
            return following
        parts = self._parts(names)
        if len(parts) > 1:
            return self._beside(parts, following)
        first = [name for name in names if not set(self._playbook.after(self._playbook.step(name))) & set(names)]
        rest = self._flow([name for name in names if name not in first], following)
        return self._one(first[0], rest) if len(first) == 1 else self._beside([[name] for name in first], rest)

    def _beside(self, parts: list[list[str]], following: str) -> str:
        branches = [self._flow(part, self._end(f"branch {part[0]} of {','.join(map(str, parts))}")) for part in parts]
        key = ",".join(name for part in parts for name in part)
        return self._step("parallel", key, name="beside each other", next_steps=branches, on_completion=following)

    def _parts(self, names: list[str]) -> list[list[str]]:
        """Return the groups of steps between which nothing has to wait for anything."""
        groups: list[set[str]] = []
        for name in names:
            linked = {name, *self._playbook.after(self._playbook.step(name))} & set(names)
            touching = [group for group in groups if group & linked]
            groups = [group for group in groups if not group & linked] + [linked.union(*touching)]
        return sorted(
            ([name for name in names if name in group] for group in groups), key=lambda part: names.index(part[0])
        )

    # --- one step -----------------------------------------------------------------------------------

    def _one(self, name: str, following: str) -> str:
        step = self._playbook.step(name)
        if step.condition is None:
            return self._asked(step, following, name)
        inside = self._asked(step, self._end(f"if {name}"), name)
        tests = " AND ".join(
            f"{_variable(key)}:value {'=' if sign == '==' else '!='} '{value}'" for key, sign, value in step.tests()
        )
        return self._step(
            "if-condition",
            f"if {name}",
            name=f"if {step.condition}",
            condition=tests,
            on_true=inside,
            on_completion=following,
        )

    def _asked(self, step: Step, following: str, use: str, failed: tuple[str, ...] = ()) -> str:
        """Write a step, with the approval before it, and what its failure calls for (once: a run does not call for it twice)."""
        instead = following
        if step.on_failure and step.on_failure not in (step.id, *failed):
            other = self._playbook.step(step.on_failure)
            instead = self._asked(other, following, f"{use}: {other.id}", (*failed, step.id))
        leads = {"on_success": following, "on_failure": instead} if step.on_failure else {"on_completion": following}
        made = self._step(
            "action", use, **self._action(step), **leads, step_extensions={EXTENSION: {"step": step_of(step)}}
        )
        if step.approve is None:
            return made
        approve = step.approve
        said = f"Approve {step.do} on {step.target} ({approve.quorum} persons, within {duration(approve.due)}, else {approve.escalate} is told)"
        return self._step("action", f"approve {use}", name=f"approve {step.id}", commands=[_manual(said)], agent=self._role(approve.role),
                          timeout=_millis(approve.due), on_success=made, on_failure=instead,
                          step_extensions={EXTENSION: {"approval_of": step.id}})  # fmt: skip

    def _action(self, step: Step) -> dict[str, Any]:
        name = words.STEPS.get(step.id, step.id)
        found: dict[str, Any] = {
            "name": step.id,
            "description": name,
            "agent": self._agent(step),
            "commands": [self._command(step)],
        }
        if step.target is not None:
            found["targets"] = [self._target(step.target)]
        if step.due is not None:
            found["timeout"] = _millis(step.due)
        if step.verify is not None:
            found["timeout"] = _millis(step.verify.within)
        if any(step.id == key for other in self._playbook.steps for key, _, _ in other.tests()):
            found["out_args"] = [_variable(step.id)]
        return found

    def _command(self, step: Step) -> dict[str, Any]:
        if step.do is not None:
            activity, called = _ACTIVITIES.get(step.do, ("configure-systems", ""))
            return self._active(
                activity, _manual(f"{step.do} on {step.target}{f' ({called})' if called else ''}{_until(step)}")
            )
        if step.notify is not None:
            copies = f", copy to {step.copy_to}" if step.copy_to else ""
            return self._active(
                "deliver-content", _manual(f"Send {step.template} to {step.notify}{copies}{_receipt(step)}")
            )
        if step.report is not None:
            within = f", within {duration(step.due)} of the incident" if step.due else ""
            return self._active(
                "compose-content", _manual(f"Write the report {step.report}, for {step.to}{within}{_receipt(step)}")
            )
        return self._active("analyze-collected-data", _manual(f"Decide {step.id}: {' or '.join(step.decide or ())}"))

    def _active(self, activity: str, command: dict[str, Any]) -> dict[str, Any]:
        self._activities[activity] = None
        return {**command, "playbook_activity": activity}

    def _agent(self, step: Step) -> str:
        if step.do is None and (role := step.by or (step.notify and "operator")):
            return self._role(role)
        key = identifier("security-category", self._playbook.id, "orchestrator")
        self._agents[key] = {"type": "security-category", "name": "hinomi", "category": ["orchestrator"]}
        return key

    def _role(self, role: str) -> str:
        key = identifier("group", self._playbook.id, role)
        self._agents[key] = {"type": "group", "name": role, "description": words.word(words.ROLES, role)}
        return key

    def _target(self, target: str) -> str:
        key = identifier("security-category", self._playbook.id, "target", target)
        self._targets[key] = {
            "type": "security-category",
            "name": target,
            "category": ["endpoint"],
            "description": "What the incident is about",
        }
        return key

    def _variables(self) -> dict[str, Any]:
        names = dict.fromkeys(key for step in self._playbook.steps for key, _, _ in step.tests())
        return {
            _variable(key): {
                "type": "string",
                "description": f"the outcome of {key}" if "." not in key else key,
                "external": "." in key,
            }
            for key in names
        }

    # --- objects ------------------------------------------------------------------------------------

    def _step(self, kind: str, use: str, **properties: Any) -> str:
        key = identifier(kind, self._playbook.id, use)
        self._workflow[key] = {"type": kind, **properties}
        return key

    def _end(self, use: str) -> str:
        return self._step("end", use)


def _manual(said: str) -> dict[str, Any]:
    return {"type": "manual", "command": said}


def _variable(name: str) -> str:
    return f"__{name.replace('.', '_')}__"


def _millis(value: timedelta) -> int:
    return value // timedelta(milliseconds=1)


def _until(step: Step) -> str:
    return f"; done when it is seen {step.verify.state}, within {duration(step.verify.within)}" if step.verify else ""


def _receipt(step: Step) -> str:
    if step.receipt is None:
        return ""
    above = f", else {step.receipt.escalate} is told" if step.receipt.escalate else ""
    return f"; it has to be received within {duration(step.receipt.due)}{above}"


def differences(document: dict[str, Any], again: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what of a document's workflow is not as we write it: somebody has changed it since."""
    ours = again["workflow"]
    for key, step in document["workflow"].items():
        if ours.get(key) != step:
            yield key, step
    yield from ((key, None) for key in ours if key not in document["workflow"])
