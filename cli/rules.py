"""Rules for a command that needs no server: those of files that are named, else the installation's, else the shipped."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hinomi.cli.client import find_config
from hinomi.errors import ConfigError

if TYPE_CHECKING:
    from hinomi.detections import RuleSet
    from hinomi.detections.engine.lists import Lists


def rules_for(rule: str, more: Sequence[Path], config: str | None) -> "tuple[RuleSet, list[str], Lists]":
    """Return a rule set, the ids in it that are meant, and the lists of the settings.

    ``rule`` is a file or folder, an id, a name or a part of a title; ``more`` are files and folders that it needs.
    """
    from hinomi.detections import load
    from hinomi.detections.offline.choosing import chosen
    from hinomi.detections.offline.rules import offline
    from hinomi.settings import Settings, load_settings

    path = Path(rule) if Path(rule).exists() else None
    try:
        settings = load_settings(find_config(config))
    except ConfigError:
        if config:
            raise
        settings = Settings()
    lists = settings.rules.lists
    if path is not None or more or settings.file is None:
        ruleset = offline([*([path] if path else []), *more], lists=lists)
    else:
        ruleset = load(settings).current()
    return ruleset, chosen(ruleset, rule, path), lists


def written(rule: str, more: Sequence[Path], config: str | None) -> dict[str, Any]:
    """Return what a server needs of a rule that lies in files: their text, and the ids that are meant; else nothing.

    Raises:
        ConfigError: If it cannot be loaded; names file and line.
    """
    if not Path(rule).exists():
        return {}
    from hinomi.detections.engine.loading import rule_files

    _, chosen, _ = rules_for(rule, more, config)
    files = dict.fromkeys(file for place in (Path(rule), *more) for file in rule_files(place.resolve()))
    return {"rules": chosen, "text": "\n---\n".join(file.read_text(encoding="utf-8-sig") for file in files)}
