"""What changes from one playbook to another, as whoever approves it needs it: in words of the playbook, not of the file."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from hinomi.playbooks.engine.model import Playbook, Step
from hinomi.playbooks.writing import head_of, plain, step_of

#: What takes a safeguard away when it goes, or weakens it when it changes.
SAFEGUARDS = ("approve", "verify", "undo", "on_failure", "escalate", "receipt", "wait", "if")


class Change(NamedTuple):
    """One thing that differs; ``careful`` says why to look twice, "" if nothing does."""

    step: str
    change: Literal["added", "removed", "changed"]
    key: str
    before: Any
    after: Any
    careful: str = ""


def compare(old: Playbook, new: Playbook) -> list[Change]:
    """Return what changes: what a playbook says of itself, steps that go, come and change."""
    return [*_keys("", _head(old), _head(new)), *_steps(old, new)]


def _head(playbook: Playbook) -> dict[str, Any]:
    head = head_of(playbook)
    return {key: value for key, value in head.items() if key not in ("playbook", "tests")} | {
        "tests": len(playbook.tests)
    }


def _steps(old: Playbook, new: Playbook) -> Iterator[Change]:
    before, after = {step.id: step for step in old.steps}, {step.id: step for step in new.steps}
    for name, step in before.items():
        if name not in after:
            yield Change(name, "removed", "", _whole(old, step), None, _gone(step))
    for name, step in after.items():
        if name not in before:
            careful = f"acts by itself: {step.do}" if step.do and step.approve is None else ""
            yield Change(name, "added", "", None, _whole(new, step), careful)
        else:
            yield from _keys(name, _filled(old, before[name]), _filled(new, step))


def _whole(playbook: Playbook, step: Step) -> dict[str, Any]:
    """Return a step with the order it really has, wherever it stands in the file."""
    return {**step_of(step), "after": sorted(playbook.after(step))}


def _filled(playbook: Playbook, step: Step) -> dict[str, Any]:
    """Return a step with what holds where it says nothing."""
    return {**plain(step.model_dump(by_alias=True, exclude_none=True)), "after": sorted(playbook.after(step))}


def _gone(step: Step) -> str:
    return f"nothing does {step.do} here any more" if step.do else f"the {step.kind} is gone"


def _keys(step: str, old: dict[str, Any], new: dict[str, Any], below: str = "") -> Iterator[Change]:
    for key in dict.fromkeys([*old, *new]):
        before, after, name = old.get(key), new.get(key), f"{below}{key}"
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _keys(step, before, after, f"{name}.")
        else:
            kind: Literal["added", "removed", "changed"] = (
                "added" if key not in old else "removed" if key not in new else "changed"
            )
            yield Change(step, kind, name, plain(before), plain(after), _careful(step, name, before, after))


def _careful(step: str, key: str, before: Any, after: Any) -> str:
    """Say what an approver must not overlook."""
    last = key.rpartition(".")[2]
    if step and last in SAFEGUARDS and after is None:
        return "a safeguard goes"
    if key == "approve.quorum" and after < before:
        return "fewer persons say yes"
    if key == "mode" and after == "live":
        return "it acts from the start"
    if step and last == "on_timeout" and after in ("continue", "fail"):
        return "without an answer it goes on"
    return "another role" if step and last in ("role", "by", "to", "notify", "copy") else ""
