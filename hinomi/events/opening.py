"""What every store does when it is opened: read its own keys of ``[store]``, and be the only writer."""

import fcntl
from pathlib import Path
from typing import IO, TypeVar

from pydantic import BaseModel, ConfigDict

from hinomi.errors import ConflictError
from hinomi.settings import Settings, read_table


class NoKeys(BaseModel):
    """For a store that needs no keys of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Keys = TypeVar("Keys", bound=BaseModel)


def own_keys(model: type[Keys], settings: Settings) -> Keys:
    """Return what ``[store]`` says beside what every store knows.

    Raises:
        Faults: Naming every key that does not fit.
    """
    return read_table(model, settings.store.own(), settings, "store")


def writers_lock(path: Path, what: str) -> IO[str]:
    """Return an open file that only one process can have.

    Raises:
        ConflictError: If another has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ConflictError(f"another process writes this {what}", where=path.parent, hint="one storer only") from error
    return lock
