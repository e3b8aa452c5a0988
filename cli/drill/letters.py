"""The drill's mail folder, as it fills: each message once, with who it is for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hinomi.cli.acting.letters import Mail, read
from hinomi.directory import Directory, Person


@dataclass(frozen=True)
class Letter:
    """One message and its reader; None: the address is nobody's in the directory."""

    mail: Mail
    person: Person | None


class Letters:
    """Yields what has come since the last look."""

    def __init__(self, folder: Path, directory: Directory):
        self._folder, self._seen = folder, set[str]()
        self._people = {
            address.lower(): person
            for person in directory.people
            for address in (person.mail_off, person.mail)
            if address
        }

    def new(self) -> Iterator[Letter]:
        """Yield new messages, oldest first."""
        for path in sorted(self._folder.glob("*.eml")):
            if path.name not in self._seen:
                self._seen.add(path.name)
                mail = read(path)
                yield Letter(mail, self._people.get(mail.to.lower()))
