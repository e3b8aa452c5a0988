"""Every window in which a correlation is true is one of pysigma-backend-sqlite's sliding SQL, and the other way round.

The back end is independent code; only the timing differs, and what is compared is which windows fire in the end.
"""

import json
import random
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

from hinomi.clock import parse_iso
from hinomi.detections import load
from hinomi.detections.correlation.machine import Machine, Memory, Record
from tests.detections.conftest import BASE

START = int(parse_iso("2026-11-24T00:00:00Z").timestamp())
HEAD = {"status": "test", "level": "low", "logsource": {"product": "hinomi"}}
KINDS = ("a", "b", "c")
IDS = {kind: f"00000000-0000-4000-8000-00000000000{number}" for number, kind in enumerate(KINDS, 1)}
RULES = [{**HEAD, "title": kind, "id": IDS[kind], "name": kind, "detection": {"s": {"kind": kind}, "condition": "s"}} for kind in KINDS]  # fmt: skip


def correlation(name: str, number: int, **body: Any) -> dict[str, Any]:
    whole = {"group-by": ["user"], "timespan": "1m"} | body
    return {
        "title": name,
        "id": f"00000000-0000-4000-8000-0000000000{number}",
        "name": name,
        "status": "test",
        "level": "high",
        "correlation": whole,
    }


FIELD = {"field": "v"}
BODIES: dict[str, list[dict[str, Any]]] = {
    "event_count": [{"type": "event_count", "rules": ["a", "b"], "condition": {"gte": 4}}],
    "event_count gt": [{"type": "event_count", "rules": ["a"], "condition": {"gt": 2}, "timespan": "90s"}],
    "event_count lt": [{"type": "event_count", "rules": ["a"], "condition": {"lt": 3}}],
    "event_count lte": [{"type": "event_count", "rules": ["a"], "condition": {"lte": 2}}],
    "event_count eq": [{"type": "event_count", "rules": ["a", "c"], "condition": {"eq": 3}}],
    "event_count neq": [{"type": "event_count", "rules": ["a"], "condition": {"neq": 2}}],
    "no group-by": [{"type": "event_count", "rules": ["a"], "condition": {"gte": 6}, "group-by": None}],
    "two groups": [{"type": "event_count", "rules": ["a"], "condition": {"gte": 2}, "group-by": ["user", "v"]}],
    "value_count": [{"type": "value_count", "rules": ["a", "b"], "condition": {"gte": 3} | FIELD}],
    "value_count lt": [{"type": "value_count", "rules": ["a"], "condition": {"lt": 2} | FIELD}],
    "temporal": [{"type": "temporal", "rules": ["a", "b", "c"], "timespan": "20s"}],
    "temporal with a count": [{"type": "temporal", "rules": ["a", "b", "c"], "condition": {"gte": 2}, "timespan": "8s"}],
    "temporal_ordered": [{"type": "temporal_ordered", "rules": ["a", "b", "c"], "timespan": "30s"}],
    "temporal_ordered with a count": [{"type": "temporal_ordered", "rules": ["c", "b", "a"], "condition": {"gte": 2}, "timespan": "10s"}],
    "value_sum": [{"type": "value_sum", "rules": ["a", "b"], "condition": {"gte": 60} | FIELD}],
    "value_sum lt": [{"type": "value_sum", "rules": ["a"], "condition": {"lt": 20} | FIELD}],
    "value_avg": [{"type": "value_avg", "rules": ["a", "b"], "condition": {"gt": 12} | FIELD}],
    "value_avg lt": [{"type": "value_avg", "rules": ["a"], "condition": {"lt": 8} | FIELD}],
    "value_median": [{"type": "value_median", "rules": ["a", "b"], "condition": {"gte": 12} | FIELD}],
    "value_percentile": [{"type": "value_percentile", "rules": ["a", "b"], "condition": {"gte": 17, "percentile": 90} | FIELD}],
    "a and not b": [{"type": "temporal", "rules": ["a", "b"], "condition": "a and not b", "timespan": "15s"}],
    "a and b and not c": [{"type": "temporal", "rules": ["a", "b", "c"], "condition": "a and b and not c", "timespan": "15s"}],
    "a or b and c": [{"type": "temporal", "rules": ["a", "b", "c"], "condition": "a or b and c", "timespan": "5s"}],
    "not (b or c) and a": [{"type": "temporal", "rules": ["a", "b", "c"], "condition": "not (b or c) and a", "timespan": "15s"}],
    "(a or b) and not c": [{"type": "temporal", "rules": ["a", "b", "c"], "condition": "(a or b) and not c", "timespan": "10s"}],
    "ordered, in words": [{"type": "temporal_ordered", "rules": ["a", "b", "c"], "condition": "a and b and not c", "timespan": "20s"}],
    "aliases": [{
        "type": "temporal", "rules": ["a", "b"], "group-by": ["who"], "timespan": "20s", "aliases": {"who": {"a": "user", "b": "other"}},
    }],
    "chain": [
        {"type": "event_count", "rules": ["a"], "condition": {"gte": 3}, "timespan": "20s"},
        {"type": "temporal_ordered", "rules": ["inner", "b"], "timespan": "40s"},
    ],
    "chain over another group": [
        {"type": "event_count", "rules": ["a"], "condition": {"gte": 4}, "timespan": "20s", "group-by": ["other"]},
        {"type": "temporal", "rules": ["inner", "c"], "timespan": "40s", "group-by": ["user"]},
    ],
    "chain over a count of counts": [
        {"type": "event_count", "rules": ["a"], "condition": {"gte": 3}, "timespan": "20s"},
        {"type": "event_count", "rules": ["inner"], "condition": {"gte": 3}, "timespan": "2m"},
    ],
}  # fmt: skip


def documents(case: str) -> list[dict[str, Any]]:
    *inner, outer = BODIES[case]
    return [*RULES, *(correlation("inner", 11, **body) for body in inner), correlation("outer", 12, **outer)]


def stream(seed: int, count: int = 220) -> list[dict[str, Any]]:
    """Return events with collisions: the same second, repeated values, missing fields, letters of both cases."""
    dice = random.Random(seed)
    moment, found = START, []
    for number in range(count):
        moment += dice.choice((0, 0, 1, 2, 5, 9, 30))
        event = {
            "id": f"e{number}",
            "time": moment,
            "kind": dice.choice(KINDS),
            "user": dice.choice(("u", "U", "w", None)),
            "other": dice.choice(("u", "w", "x")),
        }
        found.append(event | {"v": dice.choice((None, 1, 5, 12, 18, 20, 20))})
    return found  # fmt: skip


def by_sql(case: str, events: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    backend = sqliteBackend(timestamp_format="unix", timestamp_field="time", event_id_field="id", observation_end=START + 10**7)  # fmt: skip
    queries = backend.convert(SigmaCollection.from_dicts(documents(case)))
    (query,) = (query for query in queries if query.startswith("WITH "))  # rules that nothing refers to give one too
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE logs (id TEXT, time INTEGER, kind TEXT COLLATE NOCASE, user TEXT COLLATE NOCASE, other TEXT COLLATE NOCASE, v INTEGER)"
    )
    connection.executemany("INSERT INTO logs VALUES (:id, :time, :kind, :user, :other, :v)", events)
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    connection.close()
    return {(_group(json.loads(row["group_keys"])), row["window_start"], row["window_end"]) for row in rows}


def _group(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(value).casefold() for value in values.values())


def by_machine(
    site: Any, case: str, events: list[dict[str, Any]], order: list[int] | None = None
) -> set[tuple[Any, ...]]:
    site.write("rules", *documents(case))
    ruleset: Any = load(site.settings).current()
    assert not ruleset.faults, ruleset.faults
    specs = {rule.info.id: rule.correlation for rule in ruleset.correlations}
    memory = Memory(300_000_000)
    machine = Machine(specs, memory, every=True)
    outer = documents(case)[-1]["id"]

    def everything() -> Iterator[Any]:
        now = 0
        for number in order or range(len(events)):
            event = events[number]
            now = max(now, event["time"] * 1_000_000)
            for kept in memory.due(now):
                yield from machine.ripe(kept, now)
            matched = ruleset.match([BASE | {key: value for key, value in event.items() if value is not None}]).hits
            fields = {key: event[key] for key in ("user", "other", "v") if event[key] is not None}
            for _, info in matched:
                yield from machine.feed(info.id, Record("", event["time"] * 1_000_000, event["id"], fields, None), now)
        for kept in memory.due(1 << 62):
            yield from machine.ripe(kept, 1 << 62)

    found = [made for made in everything() if made.rule == outer]
    windows = [(_group(made.values), made.fired.start // 1_000_000, made.fired.end // 1_000_000) for made in found]
    assert len(windows) == len(set(windows)), "a window fired twice"
    return set(windows)


@pytest.mark.parametrize("case", BODIES)
def test_the_windows_that_fire_are_those_of_the_sliding_sql(site: Any, case: str) -> None:
    seen = 0
    for seed in range(3):
        events = stream(seed)
        wanted = by_sql(case, events)
        assert by_machine(site, case, events) == wanted
        seen += len(wanted)
    assert seen > 0, "the streams never fulfil it: this would test nothing"


@pytest.mark.parametrize("case", BODIES)
def test_shuffled_within_the_lateness_the_same_windows_fire(site: Any, case: str) -> None:
    events = stream(7)
    dice = random.Random(7)
    order = sorted(range(len(events)), key=lambda number: events[number]["time"] + dice.uniform(0, 299))
    assert order != list(range(len(events)))
    assert by_machine(site, case, events, order) == by_machine(site, case, events)
