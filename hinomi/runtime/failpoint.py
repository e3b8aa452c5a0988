"""Named points at which a test has a process killed: ``HINOMI_FAIL=worker.after_commit:3``."""

import os
import signal
from collections import Counter

_name, _, _count = os.environ.get("HINOMI_FAIL", "").partition(":")
_wanted = int(_count or 1)
_passed: Counter[str] = Counter()


def hit(name: str) -> None:
    """End this process with SIGKILL if the environment names this point, at its n-th pass."""
    if name != _name:
        return
    _passed[name] += 1
    if _passed[name] == _wanted:
        os.kill(os.getpid(), signal.SIGKILL)
