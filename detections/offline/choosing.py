"""Which rule is meant: a file or folder of rules, an id, a name, or a part of a title; and one record of a file."""

from itertools import islice
from pathlib import Path
from typing import Any

from hinomi.detections import RuleSet
from hinomi.detections.offline.files import chunks
from hinomi.detections.offline.sweep import Sweeper
from hinomi.errors import ConfigError, NotFoundError
from hinomi.event import Event


def chosen(ruleset: RuleSet, rule: str, path: Path | None = None) -> list[str]:
    """Return the ids of the rules that are meant; of a file, all in it.

    Raises:
        ConfigError: If the file's rules could not be loaded; names line and reason of each.
        NotFoundError: If nothing is called so.
    """
    compiled: Any = getattr(ruleset, "compiled", {})
    if path is not None:
        inside = path.resolve()
        faults = [fault for fault in ruleset.faults if Path(_file(fault.where)).is_relative_to(inside)]
        if faults:
            said = "\n".join(f"{fault.where}: {fault.reason}" for fault in faults)
            raise ConfigError(said, hint="hinomi rule lint says more")
        found = [name for name, known in compiled.items() if Path(known.where).is_relative_to(inside)]
        if not found:
            raise ConfigError("there is no rule in it", where=path)
        return found
    named = [name for name, known in compiled.items() if rule in (name, known.name)]
    low = rule.casefold()
    found = named or [name for name, info in ruleset.rules.items() if low in info.title.casefold()]
    if not found:
        raise NotFoundError(
            f"no rule is called {rule!r}", hint="hinomi rule list shows ids and titles; or name its file"
        )
    return found


def record(path: Path, index: int) -> list[Event]:
    """Return the events of one record of a file, counted from 0.

    Raises:
        NotFoundError: If the file has fewer.
    """
    sweeper = Sweeper(None)
    for chunk in chunks(path):
        if chunk.first <= index < chunk.first + len(chunk.raws):
            return next(islice(sweeper.read(chunk), index - chunk.first, None))
    raise NotFoundError(f"there is no record {index}", where=path, hint="records are counted from 0")


def place(text: str) -> tuple[Path, int] | None:
    """Return (file, index) of ``FILE:INDEX``, None if it is none."""
    name, colon, number = text.rpartition(":")
    return (Path(name), int(number)) if colon and number.isdecimal() and Path(name).exists() else None


def _file(where: str) -> str:
    name, colon, line = where.rpartition(":")
    return name if colon and line.isdecimal() else where
