"""What must hold between the steps of a playbook: names that exist, an order that can be kept."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hinomi.playbooks.engine.model import Playbook, Step


STRANGE = "write steps for them, and take the entries out of foreign"


class Fault(NamedTuple):
    """Something that keeps a playbook from running: the keys that lead there, what it is, what to do."""

    keys: tuple[int | str, ...]
    what: str
    remedy: str


def meant(name: str, known: Collection[str]) -> str:
    """Return what to do about a name that is none: the one that was meant, else those there are."""
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or '-'}"


def faults(playbook: "Playbook") -> Iterator[Fault]:
    """Yield what is wrong between steps."""
    names = [step.id for step in playbook.steps]
    broken = False
    for number, step in enumerate(playbook.steps):
        for fault in _step(playbook, step, names, number):
            broken = True
            yield fault
    if not broken and (cycle := _cycle(playbook)):
        what = f"the steps {' → '.join(cycle)} wait for each other"
        remedy = "a run never goes back: let one of them be after none of the others"
        yield Fault(("steps", names.index(cycle[0])), what, remedy)
    if playbook.mode == "live" and playbook.foreign:
        yield Fault(("mode",), f"it cannot be live: {playbook.strange()}", STRANGE)


def _step(playbook: "Playbook", step: "Step", names: list[str], number: int) -> Iterator[Fault]:
    here: tuple[int | str, ...] = ("steps", number)
    if step.id in names[:number]:
        yield Fault((*here, "id"), f"two steps are called {step.id}", "give one of them another name")
    for name in step.after or ():
        if name not in names:
            yield Fault((*here, "after"), f"{step.id} names {name!r}, which is no step", meant(name, names))
    for name, _, _ in step.tests():
        if not name.startswith("incident.") and name not in names:
            yield Fault((*here, "if"), f"{step.id} tests {name!r}, which is no step", meant(name, names))
    if step.on_failure is None:
        return
    if step.on_failure not in names:
        what = f"{step.id} names {step.on_failure!r}, which is no step"
        yield Fault((*here, "on_failure"), what, meant(step.on_failure, names))
    elif not playbook.step(step.on_failure).off_path:
        what = f"on_failure of {step.id} names {step.on_failure!r}, which is not off_path: true"
        yield Fault((*here, "on_failure"), what, f"write off_path: true on {step.on_failure}")


def _cycle(playbook: "Playbook") -> list[str]:
    done: set[str] = set()
    left = {step.id: set(playbook.after(step)) for step in playbook.steps}
    while ready := [name for name, needs in left.items() if needs <= done]:
        done.update(ready)
        for name in ready:
            del left[name]
    return sorted(left)


def before(playbook: "Playbook", name: str) -> set[str]:
    """Return the steps that are done when a step starts."""
    found: set[str] = set()
    todo = [name]
    while todo:
        for earlier in playbook.after(playbook.step(todo.pop())):
            if earlier not in found:
                found.add(earlier)
                todo.append(earlier)
    return found
