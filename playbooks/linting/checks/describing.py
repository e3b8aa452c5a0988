"""What a playbook says of itself: titles, version, the documented steps, and its tests."""

import re
from collections.abc import Iterator

from hinomi.playbooks.engine.model import OUTCOME, Playbook
from hinomi.playbooks.linting.checks import Said
from hinomi.playbooks.linting.known import Known

_VERSION = re.compile(r"\d+\.\d+\.\d+")


def head(playbook: Playbook, _: Known) -> Iterator[Said]:
    """It has a Japanese title and a version that can be compared."""
    if not playbook.title.get("ja"):
        yield Said(["title"], "no Japanese title: people read its id", "write title: {ja: …, en: …}", "warning")
    if not _VERSION.fullmatch(playbook.version):
        yield Said(
            ["version"],
            f"{playbook.version!r} is no version",
            "write 1.0.0 and count it up with every change",
            "warning",
        )


def choices(playbook: Playbook, _: Known) -> Iterator[Said]:
    """A decision is one between several words that an `if` can ask for."""
    for number, step in enumerate(playbook.steps):
        for option in step.decide or ():
            if not re.fullmatch(OUTCOME, option):
                yield Said(["steps", number, "decide"], f"no if can ask for {option!r}", "write letters, digits and _")
        if step.decide and len(set(step.decide)) < max(len(step.decide), 2):
            yield Said(
                ["steps", number, "decide"], "there is nothing to choose", "write two different choices", "warning"
            )


def flow(playbook: Playbook, _: Known) -> Iterator[Said]:
    """Each documented step is one step here."""
    seen: dict[int, str] = {}
    for number, step in enumerate(playbook.steps):
        for keys, value in ((["flow"], step.flow), (["receipt", "flow"], step.receipt.flow if step.receipt else None)):
            if value is not None and seen.setdefault(value, step.id) != step.id:
                what = f"{seen[value]} is the documented step {value} already"
                yield Said(["steps", number, *keys], what, "leave one of them out", "warning")
