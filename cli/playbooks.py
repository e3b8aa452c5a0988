"""What verbs of `hinomi playbook` share: reading a file or what is in service, a quiet rehearsal, the names that are known."""

from pathlib import Path
from typing import TYPE_CHECKING

from hinomi.cli.client import Client

if TYPE_CHECKING:
    from hinomi.playbooks.engine.model import Playbook
    from hinomi.playbooks.linting import Known


def read_playbook(name: str, config: str | None) -> "tuple[Playbook, str]":
    """Return a playbook and its text: of a file, else the one of that id in service.

    Raises:
        HinomiError: If it cannot be read, or there is none.
    """
    from hinomi.playbooks.engine.model import parse, read

    path = Path(name)
    if path.is_file():
        return read(path)
    shown = Client(config).get(f"playbooks/{name}")
    return parse(shown["body"], shown["where"]), shown["body"]


def rehearsing() -> None:
    """Keep log lines out of an answer: a rehearsal's are of nothing that has happened."""
    import logging

    from hinomi import log  # late: what it imports costs `hinomi playbook --help` 90 ms

    log.configure("cli", json=False, level=logging.CRITICAL)


def known_names(config: str | None) -> "Known":
    """Return the names a playbook may use; with --config, also the people of that installation."""
    import msgspec

    from hinomi.directory import Directory
    from hinomi.playbooks.linting import Known
    from hinomi.reports import reports

    found = msgspec.convert(Client(config).get("directory"), Directory) if config else None
    return Known([name for name, _ in reports], found)
