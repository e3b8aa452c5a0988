"""What is wrong or unwise in playbooks, each with file, line, column and remedy; nothing is carried out, nobody asked."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hinomi.errors import ConfigError, Faults, HinomiError
from hinomi.playbooks.engine.model import REFERENCE, Playbook, read
from hinomi.playbooks.engine.places import Text
from hinomi.playbooks.linting.checks import Check, Level, conditions, describing, naming, reaching, rehearsing, waiting
from hinomi.playbooks.linting.known import Known

__all__ = ["Finding", "Known", "lint", "playbook_files"]


CHECKS: tuple[Check, ...] = (
    naming.names, naming.holders, conditions.match, conditions.conditions, waiting.deadlines, waiting.quorum, reaching.reachable, reaching.containment,
    reaching.foreign, describing.head, describing.choices, describing.flow, rehearsing.cases,
)  # fmt: skip


class Finding(NamedTuple):
    """One thing: an error keeps a playbook, or a step of it, from doing what it says; a warning does not."""

    where: str
    level: Level
    playbook: str
    what: str
    remedy: str


def playbook_files(place: Path) -> list[Path]:
    """Return the playbooks of a file or folder.

    Raises:
        ConfigError: If there is none.
    """
    if place.is_file():
        return [place]
    found = sorted(path for path in place.rglob("*") if path.suffix in (".yml", ".yaml") and path.is_file())
    if not found:
        what = "there is no playbook here (.yml, .yaml)" if place.exists() else "no such file or folder"
        raise ConfigError(what, where=place)
    return found


def lint(places: Sequence[Path], known: Known) -> list[Finding]:
    """Return what is found in files and folders, in the order of their lines.

    Raises:
        ConfigError: If one is not there, or holds no playbook.
    """
    found: list[Finding] = []
    seen: dict[str, Path] = {}
    for path in dict.fromkeys(file for place in places for file in playbook_files(place)):
        found += sorted(_file(path, known, seen), key=lambda one: _line(one.where))
    return found


def _file(path: Path, known: Known, seen: dict[str, Path]) -> Iterator[Finding]:
    try:
        playbook, text = read(path)
    except Faults as error:
        yield from (_fault(fault, error.hint) for fault in error.faults)
        return
    except HinomiError as error:
        yield _fault(error, error.hint)
        return
    places = Text(text, path)
    if playbook.id in seen:
        what, remedy = f"{playbook.id} is there already, in {seen[playbook.id]}", "give one of them another id"
        yield Finding(places.at(["id"]), "error", playbook.id, what, remedy)
    seen.setdefault(playbook.id, path)
    yield from _checked(playbook, places, known)


def _checked(playbook: Playbook, places: Text, known: Known) -> Iterator[Finding]:
    """Yield what the checks say of a playbook that can be read."""
    for check in CHECKS:
        for said in check(playbook, known):
            yield Finding(places.at(said.keys), said.level, playbook.id, said.what, said.remedy)


def _fault(fault: HinomiError, hint: str | None) -> Finding:
    return Finding(str(fault.where), "error", "?", fault.message, fault.hint or hint or REFERENCE)


def _line(where: str) -> tuple[int, ...]:
    return tuple(int(part) for part in where.rsplit(":", 2)[1:] if part.isdecimal())
