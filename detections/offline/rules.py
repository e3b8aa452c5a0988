"""Which rules are used without a server: folders that are named, or the shipped ones; compiled once a user."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hinomi.detections import RuleSet, load
from hinomi.detections.engine.lists import Lists
from hinomi.errors import ConfigError
from hinomi.settings import Rules, Settings


def offline(places: Sequence[Path], *, data: Path | None = None, lists: Lists | None = None) -> RuleSet:
    """Return the rules of files and folders (none: the shipped ones).

    Compiled rules are kept in the user's cache, or in that of the data folder that is named.

    Raises:
        ConfigError: If one is not there.
    """
    for place in places:
        if not place.exists():
            raise ConfigError(
                "no such file or folder of rules", where=place, hint="name Sigma files, or folders of them"
            )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hinomi"
    filled = {name: {at: tuple(values) for at, values in own.items()} for name, own in (lists or {}).items()}
    chosen = Rules(shipped=not places, folders=tuple(place.resolve() for place in places), packs=False, lists=filled)
    return load(Settings(data=data or cache, rules=chosen)).current()


@contextmanager
def written(text: str, lists: Lists) -> Iterator[RuleSet]:
    """Give rules that are handed over as the text of their files, which lie in a folder meanwhile; nothing is kept."""
    with TemporaryDirectory(prefix="hinomi-rules-") as made:
        file = Path(made) / "rule.yml"
        file.write_text(text, encoding="utf-8")
        yield offline([file], data=Path(made), lists=lists)
