"""Our own checks: each a function of a playbook and what is known, in `CHECKS`, by what they look at."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from hinomi.playbooks.engine.model import Playbook
from hinomi.playbooks.engine.places import Keys
from hinomi.playbooks.linting.known import Known

Level = Literal["error", "warning"]


class Said(NamedTuple):
    """What a check found: the keys that lead there."""

    keys: Keys
    what: str
    remedy: str
    level: Level = "error"


Check = Callable[[Playbook, Known], Iterator[Said]]
