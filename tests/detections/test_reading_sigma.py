"""Our reading of SigmaHQ's rules is pySigma's, and its YAML is that of the specification."""

from pathlib import Path

import pytest

from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.engine.tree import TreeBuilder
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
