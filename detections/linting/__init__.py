"""What is wrong or unwise in rule files, each with file, line and remedy; nothing of it asks another machine."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hinomi.detections.engine.compiling import Compiled
from hinomi.detections.engine.loading import rule_files
from hinomi.detections.engine.places import line_at
from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.linting import checks, pysigma
from hinomi.detections.linting.checks import Said
from hinomi.detections.offline.rules import offline
from hinomi.errors import ConfigError

REFERENCE = "docs/reference/sigma.md says how it is written"


class Finding(NamedTuple):
    """One thing: an error keeps a rule from running, a warning does not."""

    where: str
    level: Literal["error", "warning"]
    rule: str
    what: str
    remedy: str


def lint(places: Sequence[Path], more: Sequence[Path] = ()) -> list[Finding]:
    """Return what is found in files and folders; ``more`` hold what their rules refer to.

    Raises:
        ConfigError: If one is not there, or holds no rule file.
    """
    ruleset = offline([*places, *more])
    files = [file for place in places for file in rule_files(place.resolve())]
    if not files:
        raise ConfigError("there is no Sigma file here (.yml, .yaml)", where=places[0])
    here = {str(file) for file in files}
    found = [
        Finding(fault.where, "error", fault.rule, fault.reason, checks.remedy(fault.reason) or REFERENCE)
        for fault in ruleset.faults
        if fault.where.rpartition(":")[0] in here or fault.where in here
    ]
    compiled: Mapping[str, Compiled] = getattr(ruleset, "compiled", {})
    for file in files:
        found += _file(file, compiled)
    return sorted(found, key=lambda one: (one.where.rpartition(":")[0], _number(one.where), one.what))


def _file(path: Path, compiled: Mapping[str, Compiled]) -> Iterator[Finding]:
    data = path.read_bytes()
    try:
        documents = [document for document in load_all(data, path) if isinstance(document, dict)]
    except ConfigError:
        return  # said as a fault
    for document in documents:
        rule = str(document.get("id") or document.get("name") or document.get("title") or "?")
        for said in _said(document, compiled.get(rule)):
            line = line_at(data, rule, said.keys, said.text)
            yield Finding(f"{path}:{line or 1}", "warning", rule, said.what, said.remedy)


def _said(document: dict[str, Any], compiled: Compiled | None) -> Iterator[Said]:
    for check in checks.CHECKS:
        yield from check(document, compiled)
    if compiled is not None and compiled.tree is not None:
        yield from pysigma.issues(document)


def _number(where: str) -> int:
    line = where.rpartition(":")[2]
    return int(line) if line.isdecimal() else 0


__all__ = ["Finding", "lint"]
