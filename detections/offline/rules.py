"""Which rules are used without a server: folders that are named, or the shipped ones; compiled once a user."""

import os
from collections.abc import Sequence
from pathlib import Path

from hinomi.detections import RuleSet, load
from hinomi.errors import ConfigError
from hinomi.settings import Rules, Settings


def offline(folders: Sequence[Path]) -> RuleSet:
    """Return the rules of the folders (none: the shipped ones). Compiled rules are kept in the user's cache.

    Raises:
        ConfigError: If a folder is not there.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError("no such folder of rules", where=folder, hint="--rules names a folder of Sigma files")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hinomi"
    chosen = Rules(shipped=not folders, folders=tuple(folder.resolve() for folder in folders))
    return load(Settings(data=cache, rules=chosen)).current()
