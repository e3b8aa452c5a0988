"""What was asked for on the command line."""

from dataclasses import dataclass
from pathlib import Path

AUTO, PEOPLE = "auto", "people"
PACE = {AUTO: 60.0, PEOPLE: 1.0}
LIMIT = {AUTO: 15.0, PEOPLE: 480.0}


@dataclass(frozen=True)
class Options:
    """One drill. ``delays``: role → minutes of the playbook after which it answers, None for never.

    ``choices``: what a played role chooses where it may; else it takes the first choice.
    """

    flow: str
    tenant: str
    device: str
    played_by: str
    pace: float
    limit: float
    seed: int
    delays: dict[str, float | None]
    choices: tuple[str, ...]
    send: bool
    listen: str
    url: str
    lists: Path | None
