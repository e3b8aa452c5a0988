"""Our reading of SigmaHQ's rules is pySigma's, and its YAML is that of the specification."""

from pathlib import Path

import pytest

from hinomi.detections import load
from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.engine.tree import TreeBuilder
from hinomi.settings import Rules, Settings
from tests.detections.pysigma_trees import tree_of

SIGMAHQ = Path(__file__).parents[3] / "shared" / "data" / "sigmahq"


@pytest.mark.skipif(not SIGMAHQ.exists(), reason="needs SigmaHQ's rules, ../shared/data/sigmahq")
def test_every_rule_of_sigmahq_reads_as_pysigma_reads_it() -> None:
    different, count = [], 0
    for path in sorted(SIGMAHQ.glob("rules*/**/*.yml")):
        for document in load_all(path.read_bytes(), path):
            count += 1
            if TreeBuilder(None, None, None).build(document["detection"]) != tree_of(document):
                different.append(str(path))
    assert count > 3_000
    assert different == []


@pytest.mark.skipif(not SIGMAHQ.exists(), reason="needs SigmaHQ's rules, ../shared/data/sigmahq")
def test_every_rule_of_sigmahq_loads_and_those_whose_lists_are_empty_are_named(tmp_path: Path) -> None:
    folders = tuple(sorted(SIGMAHQ.glob("rules*")))
    ruleset = load(Settings(data=tmp_path, rules=Rules(shipped=False, folders=folders))).current()
    assert list(ruleset.faults) == []
    assert len(ruleset.rules) == sum(1 for folder in folders for _ in folder.rglob("*.yml"))
    unfilled = {name for rule in ruleset.compiled.values() for name in rule.unfilled}
    assert {"Workstations", "known_cdcs"} & unfilled


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"), ("yes", "yes"), ("true", True), ("12:30", "12:30"), ("010", "010"), ("0x10", 16), ("0o10", 8), ("1_000", "1_000"),
        ("2026-11-24", "2026-11-24"), ("1.5", 1.5), ("-3", -3), ("~", None), ("", None), ("'5'", "5"), ("=", "="),
    ],
)  # fmt: skip
def test_a_plain_value_is_what_yaml_1_2_says(written: str, value: object) -> None:
    (document,) = load_all(f"a: {written}\n".encode(), "x")
    assert document["a"] == value
    assert type(document["a"]) is type(value)
