"""What was asked for on the command line."""

from dataclasses import dataclass, field
from pathlib import Path

AUTO, PEOPLE = "auto", "people"


@dataclass(frozen=True)
class Options:
    """One drill. ``delays``: role → minutes of the playbook after which it answers, None for never.

    ``choices``: what a played role chooses where it may; else it takes the first choice.
    """

    flow: str
    tenant: str = ""
    device: str = ""
    played_by: str = AUTO
    pace: float = 60.0
    limit: float = 15.0
    seed: int = 1
    delays: dict[str, float | None] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    send: bool = False
    listen: str = ""
    url: str = ""
    lists: Path | None = None
