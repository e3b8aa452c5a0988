"""SigmaHQ's own rules and its own regression events: everything loads, what is not mapped is listed, positives are found."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hinomi.collectors.formats import formats
from hinomi.detections import RuleSet, load
from hinomi.event import RawRecord
from hinomi.settings import Rules, Settings

SIGMAHQ = Path(__file__).parents[3] / "shared" / "data" / "sigmahq"
RULES = SIGMAHQ / "rules" / "windows"
pytestmark = pytest.mark.skipif(not RULES.exists(), reason="needs SigmaHQ's rules, ../shared/data/sigmahq")


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    data = tmp_path_factory.mktemp("sigmahq")
    return load(Settings(data=data, rules=Rules(shipped=False, folders=(RULES,)))).current()


def test_all_windows_rules_load(ruleset: RuleSet) -> None:
    assert list(ruleset.faults) == []
    assert len(ruleset.rules) == sum(1 for _ in RULES.rglob("*.yml"))


def test_fields_that_are_not_mapped_are_listed_by_rule(ruleset: RuleSet) -> None:
    assert set(ruleset.unmapped) <= set(ruleset.rules)
    assert all(fields for fields in ruleset.unmapped.values())
    assert len(ruleset.unmapped) < len(ruleset.rules) / 10


def regressions() -> Iterator[tuple[str, Path]]:
    for info in sorted((SIGMAHQ / "regression_data" / "rules" / "windows").rglob("info.yml")):
        content: dict[str, Any] = yaml.safe_load(info.read_text(encoding="utf-8"))
        for rule in content["rule_metadata"]:
            if (found := info.with_name(f"{rule['id']}.json")).exists():
                yield rule["id"], found


def records(path: Path) -> Iterator[bytes]:
    """Yield the JSON texts of a file: an array, one object a line, or objects one after the other."""
    text = path.read_text(encoding="utf-8-sig").strip()
    decoder = json.JSONDecoder()
    while text:
        value, end = decoder.raw_decode(text)
        for item in value if isinstance(value, list) else [value]:
            yield json.dumps(item).encode()
        text = text[end:].strip()


def test_regression_events_are_found_by_their_rules(ruleset: RuleSet) -> None:
    parse = formats.get("windows.eventlog")
    cases = [case for case in regressions() if case[0] in ruleset.rules]
    assert len(cases) > 100
    missed = []
    for rule, path in cases:
        events: list[Any] = []
        for number, raw in enumerate(records(path)):
            events += parse(RawRecord(raw, "s", str(number), 1))
        if rule not in {info.id for _, info in ruleset.match(events).hits}:
            missed.append(f"{ruleset.rules[rule].title}: {path.name} ({len(events)} events)")
    assert missed == []
