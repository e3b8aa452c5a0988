"""Named points at which a test has a process killed: ``HINOMI_FAIL=worker.after_commit:3:/path/of/a/flag``.

The flag file is made just before the kill, so that the process that replaces the killed one lives.
"""

import os
import signal
from collections import Counter
from pathlib import Path

_name, _, _rest = os.environ.get("HINOMI_FAIL", "").partition(":")
_count, _, _flag = _rest.partition(":")
_wanted = int(_count or 1)
_passed: Counter[str] = Counter()


def hit(name: str) -> None:
    """End this process with SIGKILL if the environment names this point, at its n-th pass, once."""
    if name != _name:
        return
    _passed[name] += 1
    if _passed[name] < _wanted:
        return
    if _flag:
        try:
            Path(_flag).touch(exist_ok=False)
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
