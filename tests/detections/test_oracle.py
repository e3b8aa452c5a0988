"""A sample of what `make soak` and `python -m bench.parity` do at length: other evaluators have the same verdicts."""

from pathlib import Path
from random import Random

import pytest

from bench.oracle.differential import SIGMAHQ, Both, Made, run
from bench.oracle.evaluator import Rule, read, text, tokens
from bench.parity import EVENTS, compare, read_events

needs_data = pytest.mark.skipif(not SIGMAHQ.exists(), reason="needs SigmaHQ's rules, ../shared/data/sigmahq")
RULE = """
title: t
id: 00000000-0000-4000-8000-000000000001
logsource: {product: made, service: up}
detection:
  s: {labels.a|endswith: '\\?.EXE', labels.b: NO}
  f: {labels.c|cidr: 10.0.0.0/8}
  condition: s and not f
"""


def test_the_evaluator_reads_a_rule_as_the_specification_does() -> None:
    (document,) = read(RULE)
    rule = Rule(document)
    event = {"event.dataset": "made.up", "labels.a": ["x", "a?.exe"], "labels.b": "no"}
    assert rule.matches(event)
    assert not rule.matches(event | {"event.dataset": "made.down"})
    assert not rule.matches(event | {"labels.a": "ab.exe"})
    assert not rule.matches(event | {"labels.b": False})
    assert not rule.matches(event | {"labels.c": "::ffff:10.1.2.3"})
    assert rule.matches(event | {"labels.c": "11.1.2.3"})


def test_a_backslash_escapes_wildcards_and_itself_only() -> None:
    assert "".join(tokens(r"a\\b\*c\d")) == r"a\b*c\d"
    assert [isinstance(token, str) for token in tokens(r"\\*?")] == [True, False, False]
    assert [text(value) for value in (True, 4624.0, 1.5, "x")] == ["true", "4624", "1.5", "x"]


def test_a_verdict_that_differs_is_reported(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rule.yml").write_text(RULE, encoding="utf-8")
    both = Both(tmp_path / "data", [tmp_path / "rules"])
    assert not both.compare(both.ids, Random(1)).differences
    other = Both(
        tmp_path / "data",
        [tmp_path / "rules"],
        {name: Rule(read(RULE.replace(".EXE", ".DLL"))[0]) for name in both.ids},
    )
    assert {d["rule"] for d in other.compare(both.ids, Random(1)).differences} == set(both.ids)


def test_rules_over_every_modifier_have_the_evaluators_verdicts(tmp_path: Path) -> None:
    total = sum(run(tmp_path, [], made=400, pairs=8_000, seed=7, jobs=1), Made())
    assert total.differences == []
    assert total.pairs >= 8_000
    assert total.true > total.pairs / 4
    assert total.true < total.pairs * 3 / 4


@needs_data
def test_sigmahqs_rules_have_the_evaluators_verdicts_on_events_made_for_them(tmp_path: Path) -> None:
    folders = [SIGMAHQ / "rules" / "web", SIGMAHQ / "rules" / "cloud", SIGMAHQ / "rules" / "linux"]
    total = sum(run(tmp_path, folders, made=0, pairs=10_000, seed=8, jobs=1), Made())
    assert total.differences == []
    assert total.pairs >= 10_000
    assert total.true > total.pairs / 4


@needs_data
def test_stream_hunt_and_sqlite_match_the_same_events(tmp_path: Path) -> None:
    both = Both(tmp_path / "rules", [SIGMAHQ / "rules" / "windows" / "process_creation"])
    events = read_events(EVENTS, every=60)
    *differences, compared = compare(both, events, both.ids[::8], tmp_path / "lake")
    assert differences == []
    assert compared["hits"] > 0
    assert compared["pairs"]["sqlite"] > len(events) * 100
