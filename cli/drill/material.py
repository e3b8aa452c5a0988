"""What a drill takes from the installation: settings, directory, playbooks with their modes. All of it is only read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hinomi.cli.client import Client
from hinomi.directory import Directory
from hinomi.directory.importing import import_files, read_folder
from hinomi.errors import ConfigError
from hinomi.playbooks.engine.library import Entry, load_library
from hinomi.settings import Settings, load_settings

LISTS = ("tenants", "people", "devices", "rules")


@dataclass(frozen=True)
class Material:
    """``live``: there is a state store, in whose audit the drill is to be noted."""

    config: Path
    settings: Settings
    directory: Directory
    library: dict[str, Entry]
    modes: dict[str, str]
    live: bool


def gather(client: Client, lists: Path | None) -> Material:
    """Read what the drill is about; ``lists`` is a folder of CSV files in the place of the installation's directory.

    Raises:
        ConfigError: If there is no directory to drill with.
    """
    settings = load_settings(client.config)
    library = load_library(settings)
    live = bool(settings.state.url) or (settings.data / "state.db").exists()
    if lists is not None:
        directory = import_files(read_folder(lists), lists)
    elif live:
        directory = _directory(client.get("directory"))
    else:
        raise ConfigError("no directory yet", where=client.config, hint="--directory DIR takes the four CSV files")
    if not directory.devices:
        raise ConfigError("the directory is empty", where=client.config, hint="hinomi directory import DIR")
    modes: dict[str, str] = {name: entry.playbook.mode for name, entry in library.items()}
    if live:
        modes |= {row["id"]: row["mode"] for row in client.get("playbooks")["items"]}
    return Material(client.config, settings, directory, library, modes, live)


def _directory(shown: dict[str, Any]) -> Directory:
    return msgspec.convert({name: shown[name] for name in LISTS}, Directory)
