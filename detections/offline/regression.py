"""SigmaHQ's own regression tests: events recorded for a rule must be found by it, as many as stated.

Layout (github.com/SigmaHQ/sigma): a rule names ``regression_tests_path``, an ``info.yml`` below ``regression_data``
whose ``regression_tests_info`` lists files of events with, where it is known, ``match_count``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.offline.files import chunks
from hinomi.detections.offline.rules import offline
from hinomi.detections.offline.sweep import Sweeper
from hinomi.errors import ConfigError

DATA = "regression_data"
KINDS = ("evtx", "json")


class Outcome(NamedTuple):
    """One test: how many hits are stated (None: at least one), how many there are; ``ok`` is None if it is not here.

    More hits than stated are no failure: some of SigmaHQ's files hold several events that fulfil their rule where one
    is stated. ``why`` says so.
    """

    rule: str
    title: str
    file: str
    wanted: int | None
    found: int
    ok: bool | None
    why: str = ""


class Case(NamedTuple):
    """A rule that names its tests."""

    rule: str
    title: str
    path: str
    where: Path


def run(folder: Path) -> Iterator[Outcome]:
    """Yield the outcome of every test of the rules below a folder.

    Raises:
        ConfigError: If no rule there names a test, or the folder is none.
    """
    if not folder.is_dir():
        raise ConfigError("no such folder", where=folder)
    rules = _rule_folders(folder)
    cases = [case for place in rules for case in _cases(place)]
    if not cases:
        raise ConfigError(
            "no rule below here has regression_tests_path", where=folder, hint="name the root of a tree like SigmaHQ's"
        )
    ruleset = offline(rules)
    broken = {fault.rule: fault.reason for fault in ruleset.faults}
    sweeper = Sweeper(ruleset)
    for case in cases:
        if case.rule not in ruleset.rules:
            why = broken.get(case.rule, "the rule is not loaded")
            yield Outcome(case.rule, case.title, str(case.where), None, 0, False, why)
        else:
            yield from _tests(case, sweeper)


def _rule_folders(folder: Path) -> list[Path]:
    below = sorted(
        child for child in folder.iterdir() if child.is_dir() and child.name != DATA and child.name[0] != "."
    )
    return below if (folder / DATA).is_dir() else [folder]


def _cases(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.rglob("*.yml")):
        if b"regression_tests_path" not in path.read_bytes():
            continue
        for document in load_all(path.read_bytes(), path):
            if isinstance(document, dict) and (tests := document.get("regression_tests_path")):
                yield Case(str(document.get("id")), str(document.get("title")), str(tests), path)


def _tests(case: Case, sweeper: Sweeper) -> Iterator[Outcome]:
    root = next((parent for parent in case.where.parents if (parent / case.path).exists()), None)
    if root is None:
        yield Outcome(case.rule, case.title, case.path, None, 0, None, "this file is not here")
        return
    info: Any = load_all((root / case.path).read_bytes(), root / case.path)[0]
    for test in (info.get("regression_tests_info") if isinstance(info, dict) else None) or ():
        yield _test(case, root, test, sweeper)


def _test(case: Case, root: Path, test: dict[str, Any], sweeper: Sweeper) -> Outcome:
    file, wanted = str(test.get("path")), test.get("match_count")
    path = root / file
    if not path.exists():
        return Outcome(case.rule, case.title, file, wanted, 0, None, "this file is not here")
    if test.get("type") not in KINDS:
        return Outcome(case.rule, case.title, file, wanted, 0, False, f"type {test.get('type')!r} is not known")
    try:
        swept = [sweeper.sweep(chunk) for chunk in chunks(path)]
    except OSError as error:
        return Outcome(case.rule, case.title, file, wanted, 0, False, str(error))
    found = sum(hit.rule.id == case.rule for one in swept for hit in one.hits)
    errors = sum(len(one.errors) for one in swept)
    why = "" if found == (wanted or found) else f"{wanted} stated"
    if found < (wanted or 1) and errors:
        why = f"{errors} records were not taken by any format"
    return Outcome(case.rule, case.title, file, wanted, found, found >= (wanted or 1), why)
