"""One lock for a data folder: who holds it, and where to reach them (CONTRACTS 9).

`serve` and acting commands take it exclusively, reading commands shared. It is a `flock`, so a killed
holder lets go by itself.
"""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from hinomi.errors import ConflictError


class DataLock:
    """A held lock; use as a context manager."""

    def __init__(self, data: Path, *, what: str, shared: bool = False, address: str = "", wait: float = 0.0):
        """Take the lock, waiting at most ``wait`` seconds.

        Raises:
            ConflictError: If another holds it for longer; says who and where.
        """
        data.mkdir(parents=True, exist_ok=True)
        self._path = data / "lock"
        self._about = data / "lock.json"
        self._shared = shared
        self._file = self._path.open("a")
        deadline = time.monotonic() + wait
        while not self._try(shared):
            if time.monotonic() >= deadline:
                self._file.close()
                who = holder(data)
                raise ConflictError(
                    f"{who.get('what', 'another command')} (process {who.get('pid', '?')}) holds the data folder",
                    where=data,
                    hint="wait for it, or stop it",
                )
            time.sleep(0.05)
        if not shared:
            self._about.write_text(json.dumps({"pid": os.getpid(), "what": what, "address": address}))

    def _try(self, shared: bool) -> bool:
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let go."""
        if not self._shared:
            self._about.unlink(missing_ok=True)  # the next holder is never taken for this one
        self._file.close()

    def forget(self) -> None:
        """In a fork: leave the lock to the process that took it, and to its life alone."""
        self._file.close()

    def __enter__(self) -> "DataLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder(data: Path) -> dict[str, Any]:
    """Return {pid, what, address} of who holds the lock exclusively now; empty if nobody does."""
    path = data / "lock"
    if not path.exists():
        return {}
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                about: dict[str, Any] = json.loads((data / "lock.json").read_text())
            except (OSError, ValueError):
                return {"what": "another command"}
            return about
    return {}
