"""Correlations over event time: windows, groups, late and repeated hits, waiting, restarts; each row of the page."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinomi.clock import iso, parse_iso
from hinomi.detections.carrying import carried
from hinomi.detections.correlation import over
from hinomi.detections.correlation.stream import Correlator
from hinomi.hits import Hit
from hinomi.state import State
from tests.detections.test_sigma_semantics import rows

NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
BASE = "00000000-0000-4000-8000-000000000001"
IDS = {kind: f"00000000-0000-4000-8000-00000000000{kind}" for kind in "abc"}
RULE = {
    "title": "base", "id": BASE, "name": "base", "status": "test", "description": "d", "author": "hinomi", "date": "2026-11-24", "level": "low",
    "logsource": {"product": "hinomi"}, "detection": {"s": {"message": "x"}, "condition": "s"},
}  # fmt: skip


def correlation(**body: Any) -> dict[str, Any]:
    whole = {
        "type": "event_count",
        "rules": ["base"],
        "group-by": ["user.name"],
        "timespan": "10m",
        "condition": {"gte": 3},
    } | body
    return {
        "title": "many",
        "id": "00000000-0000-4000-8000-0000000000c0",
        "status": "test",
        "level": "high",
        "correlation": whole,
    }


class Feed:
    """Feeds hits of the base rule, as the responder does."""

    def __init__(self, site: Any, state: State, document: dict[str, Any]):
        site.write("rules", RULE, document)
        self.ruleset = site.load().current()
        self.state, self.count = state, 0
        assert not self.ruleset.faults, self.ruleset.faults

    def __call__(
        self, minute: float, user: str | None = "a", *, event_id: str = "", tenant: str = "k", **fields: Any
    ) -> int:
        self.count += 1
        named = {name.replace("_", "."): value for name, value in fields.items()} | (
            {"user.name": user} if user else {}
        )
        hit = Hit(
            rule=self.ruleset.rules[BASE], generation=1, event_id=event_id or f"e{self.count}", time=iso(NOW + timedelta(minutes=minute)),
            received=iso(NOW), tenant=tenant, source="s", entity="user:a", fields=named,
        )  # fmt: skip
        with self.state.write() as conn:
            return len(Correlator(self.ruleset).feed(conn, [hit], NOW))


@pytest.mark.postgresql
def test_fires_once_when_enough_came_in_time(site: Any, state: State) -> None:
    feed = Feed(site, state, correlation())
    assert [feed(0), feed(4), feed(9)] == [0, 0, 1]
    assert feed(9.5) == 0  # quiet for one timespan
    assert [feed(40), feed(41), feed(42)] == [0, 0, 1]


def test_too_slow_does_not_fire(site: Any, state: State) -> None:
    feed = Feed(site, state, correlation())
    assert [feed(minute) for minute in (0, 6, 12, 18, 24)] == [0] * 5


def test_groups_and_tenants_are_apart_and_a_missing_field_is_no_group(site: Any, state: State) -> None:
    feed = Feed(site, state, correlation())
    assert [feed(0, "a"), feed(1, "b"), feed(2, "a", tenant="other"), feed(3, None), feed(4, None), feed(5, None)] == [
        0
    ] * 6
    assert [feed(6, "A"), feed(7, "a")] == [0, 1]  # without case


def test_a_late_event_completes_a_window_of_the_past(site: Any, state: State) -> None:
    feed = Feed(site, state, correlation())
    assert [feed(0), feed(8), feed(15), feed(4)] == [0, 0, 0, 1]


def test_the_same_event_counts_once(site: Any, state: State) -> None:
    feed = Feed(site, state, correlation())
    assert [feed(0, event_id="x"), feed(0, event_id="x"), feed(0, event_id="x"), feed(1), feed(2)] == [0, 0, 0, 0, 1]


def test_value_count_counts_different_values(site: Any, state: State) -> None:
    feed = Feed(site, state, correlation(type="value_count", condition={"gt": 2, "field": "file.name"}))
    assert [feed(n, file_name="same") for n in range(5)] == [0] * 5
    assert [feed(5, file_name="b"), feed(6, file_name="c"), feed(7, file_name="d")] == [0, 1, 0]


def test_a_base_rule_is_silent_unless_it_is_to_generate(site: Any, state: State) -> None:
    assert Feed(site, state, correlation()).ruleset.rules[BASE].silent
    assert not Feed(site, state, correlation(generate=True)).ruleset.rules[BASE].silent


def test_a_flood_below_the_threshold_stays_bounded(site: Any, state: State) -> None:
    feed = Feed(site, state, correlation(type="value_count", condition={"gte": 20, "field": "file.name"}))
    rule = feed.ruleset.rules[BASE]
    hit = Hit(rule=rule, generation=1, event_id="", time="", received=iso(NOW), tenant="k", source="s", entity="u", fields={"user.name": "a", "file.name": "f"})  # fmt: skip
    flood = [
        msgspec.structs.replace(hit, event_id=f"f{n}", time=iso(NOW + timedelta(milliseconds=n))) for n in range(7000)
    ]
    with state.write() as conn:
        assert Correlator(feed.ruleset).feed(conn, flood, NOW) == []
        assert conn.exec_driver_sql("SELECT count(*) FROM correlation_entry").scalar_one() == 5000
        assert counters(conn) == {"correlation.trimmed": 2000}


def body(kind: str, *rules: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "rules": list(rules), "group-by": ["user.name"], "timespan": "10m", **more}


def gte(count: float, **more: Any) -> dict[str, Any]:
    return {"gte": count, **more}


V = {"field": "v"}
#: Row of the table → (correlations, innermost first; hits: minute, rule, fields; how often the last one is true).
#: A user is "u" unless fields say so.
CASES: dict[str, list[tuple[list[dict[str, Any]], list[tuple[Any, ...]], int]]] = {
    "event_count": [([body("event_count", "a", condition=gte(3))], [(0, "a"), (4, "a"), (9, "a")], 1), ([body("event_count", "a", condition=gte(3))], [(0, "a"), (6, "a"), (12, "a")], 0)],
    "value_count": [([body("value_count", "a", condition=gte(2, **V))], [(0, "a", {"v": "x"}), (1, "a", {"v": "X"}), (2, "a"), (3, "a", {"v": "y"})], 1)],
    "temporal": [([body("temporal", "a", "b")], [(5, "b"), (0, "a")], 1), ([body("temporal", "a", "b")], [(0, "a"), (11, "b")], 0)],
    "temporal_ordered": [([body("temporal_ordered", "a", "b")], [(0, "a"), (5, "b")], 1), ([body("temporal_ordered", "a", "b")], [(0, "b"), (5, "a")], 0)],
    "value_sum": [([body("value_sum", "a", condition={"gt": 100, **V})], [(0, "a", {"v": 60}), (1, "a", {"v": "41"}), (2, "a", {"v": "no"})], 1)],
    "value_avg": [([body("value_avg", "a", condition={"gt": 10, **V})], [(0, "a", {"v": 5}), (1, "a", {"v": 16})], 1), ([body("value_avg", "a", condition={"gt": 10, **V})], [(0, "a", {"v": 5}), (1, "a", {"v": 15})], 0)],
    "value_median": [([body("value_median", "a", condition=gte(10, **V))], [(0, "a", {"v": 1}), (1, "a", {"v": 10}), (2, "a", {"v": 99})], 1)],
    "value_percentile": [([body("value_percentile", "a", condition=gte(90, percentile=95, **V))], [(0, "a", {"v": 10}), (1, "a", {"v": 95})], 1)],
    "a and not b": [([body("temporal", "a", "b", condition="a and not b")], [(0, "a")], 1), ([body("temporal", "a", "b", condition="a and not b")], [(0, "a"), (9, "b")], 0)],
    "a AND b, a or b, brackets, 1 of, all of": [
        ([body("temporal", "a", "b", "c", condition="a AND (b or c)")], [(0, "a"), (1, "c")], 1), ([body("temporal", "a", "b", condition="all of them")], [(0, "a"), (1, "b")], 1),
        ([{**body("temporal", condition="a and b"), "rules": None}], [(0, "a"), (1, "b")], 1), ([body("temporal_ordered", "b", "a", condition="b and a")], [(0, "a"), (1, "b")], 0),
    ],
    "gt, gte": [([body("event_count", "a", condition={"gt": 2})], [(0, "a"), (1, "a")], 0), ([body("temporal", "a", "b", "c", condition=gte(2))], [(0, "a"), (1, "c")], 1)],
    "lt, lte, eq, neq": [
        ([body("event_count", "a", condition={"lt": 2})], [(0, "a")], 1), ([body("event_count", "a", condition={"lte": 1})], [(0, "a"), (0, "a")], 0),
        ([body("event_count", "a", condition={"eq": 2})], [(0, "a"), (0, "a")], 1), ([body("event_count", "a", condition={"neq": 1})], [(0, "a")], 0),
    ],
    "a range, gt and lte": [([body("event_count", "a", condition={"gt": 1, "lte": 2})], [(0, "a"), (1, "a"), (2, "a")], 1), ([body("event_count", "a", condition={"gt": 1, "lte": 2})], [(0, "a"), (0, "a"), (0, "a")], 0)],
    "group-by": [
        ([body("event_count", "a", condition=gte(2))], [(0, "a"), (1, "a", {"user.name": "other"})], 0), ([body("event_count", "a", condition=gte(2))], [(0, "a", {"user.name": None}), (1, "a", {"user.name": None})], 0),
        ([body("event_count", "a", condition=gte(2)) | {"group-by": ["user.name", "v"]}], [(0, "a", {"v": 1}), (1, "a", {"v": 2}), (2, "a", {"v": "1"})], 1),
    ],
    "no group-by": [([body("event_count", "a", condition=gte(2)) | {"group-by": None}], [(0, "a"), (1, "a", {"user.name": None})], 1)],
    "a list in group-by": [([body("event_count", "a", condition=gte(2)) | {"group-by": ["v"]}], [(0, "a", {"v": ["x", "y"]}), (1, "a", {"v": "Y"})], 1)],
    "aliases": [
        ([body("temporal", "a", "b") | {"group-by": ["ip"], "aliases": {"ip": {"a": "source.ip", "b": "destination.ip"}}}], [(0, "a", {"source.ip": "1"}), (1, "b", {"destination.ip": "1", "source.ip": "2"})], 1),
        ([body("value_count", "a", "b", condition=gte(2, field="n")) | {"aliases": {"n": {"a": "v", IDS["b"]: "file.name"}}}], [(0, "a", {"v": "x"}), (1, "b", {"file.name": "y", "v": "x"})], 1),
    ],
    "references by name and by id": [([body("temporal", "a", IDS["b"])], [(0, "a"), (1, "b")], 1), ([{**body("event_count", condition=gte(1)), "rules": "a"}], [(0, "a")], 1)],
    "chains": [
        ([body("event_count", "a", condition=gte(2)), body("temporal_ordered", "inner", "b", timespan="1h")], [(0, "a"), (1, "a"), (30, "b")], 1),
        ([body("event_count", "a", condition=gte(2)), body("temporal_ordered", "inner", "b")], [(0, "b"), (1, "a"), (2, "a")], 0),
        ([body("temporal", "a", "b", condition="a and not b"), body("event_count", "inner", condition=gte(2), timespan="1h")], [(0, "a"), (20, "a")], 1),
        ([body("event_count", "a", condition=gte(2)) | {"group-by": ["host.name"]}, body("temporal", "inner", "b")], [(0, "a", {"host.name": "h"}), (1, "a", {"host.name": "h"}), (2, "b", {"host.name": "other"})], 1),
    ],
    "timespan in s, m, h, d, w": [([body("event_count", "a", condition=gte(2), timespan=span)], [(0, "a"), (0.5, "a")], 1) for span in ("30s", "1m", "1h", "1d", "1w")],
    "field as a list": [([body("value_count", "a", condition=gte(2, field=["v", "file.name"]))], [(0, "a", {"v": 1, "file.name": "x"}), (1, "a", {"v": 1, "file.name": "y"}), (2, "a", {"v": 2})], 1)],
}  # fmt: skip
COUNT = body("event_count", "a", condition=gte(2))
#: Row of the table → (correlation, what the fault says).
REFUSED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "value_percentile without percentile": [(body("value_percentile", "a", condition=gte(1, **V)), "0 to 100"), (body("value_percentile", "a", condition=gte(1, percentile=101, **V)), "0 to 100")],
    "other types": [(body("value_max", "a", condition=gte(1, **V)), "event_count, value_count")],
    "a condition that is true of what never happened": [(body("temporal", "a", "b", condition="not a and not b"), "without 'not'"), (body("temporal", "a", "b", condition="a or not b"), "without 'not'")],
    "a condition that can never be true": [
        (body("event_count", "a", condition={"gt": 5, "lt": 3}), "never"), (body("temporal", "a", "b", condition=gte(3)), "never"), (body("temporal", "a", condition="a and not a"), "never"), (body("event_count", "a", condition={"lt": 0}), "never"),
    ],
    "words as the condition of a count": [(body("event_count", "a", condition="a"), "gte: 5")],
    "a count over 50,000": [(body("event_count", "a", condition=gte(50_001)), "50000")],
    "what is missing or misspelt": [
        (COUNT | {"timespan": "10 minutes"}, "15m"), (COUNT | {"timespan": "0s"}, "15m"), (COUNT | {"timeframe": "1m"}, "correlation.timeframe"), (COUNT | {"condition": {"gte": "three"}}, "a number"),
        (COUNT | {"condition": {"field": "x"}}, "no comparison"), (COUNT | {"condition": None}, "gte: 5"), (COUNT | {"condition": gte(1, **V)}, "has none"), (COUNT | {"condition": gte(1, of=2)}, "condition.of"),
        (body("value_count", "a", condition=gte(2)), "needs it"), (body("value_sum", "a", condition=gte(2, field=["a", "b"])), "one field"), (COUNT | {"rules": []}, "rules"), (COUNT | {"generate": "yes"}, "true or false"),
        (COUNT | {"group-by": [1]}, "group-by"), (COUNT | {"rules": ["a", "a"]}, "twice"),
    ],
    "rules that are not there": [
        (COUNT | {"rules": ["nowhere"]}, "'nowhere', which is not loaded"), (COUNT | {"aliases": {"x": {"nowhere": "v"}}}, "'nowhere' is none"), (body("temporal", "a", "b", condition="a and c"), "differ: b, c"), (COUNT | {"rules": ["outer"]}, "circle"),
    ],
}  # fmt: skip


def test_the_page_and_the_cases_name_the_same_elements() -> None:
    said = rows("Correlations")
    assert {name for name, state in said.items() if state == "supported"} == {*CASES, "generate"}
    assert {name for name, state in said.items() if state == "refused"} == set(REFUSED)


def named(name: str, number: int, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": name,
        "id": f"00000000-0000-4000-8000-0000000000e{number}",
        "name": name,
        "level": "high",
        "correlation": content,
    }


def written(site: Any, contents: list[dict[str, Any]]) -> Any:
    *inner, outer = contents
    base = [{**RULE, "id": IDS[kind], "name": kind} for kind in IDS]
    site.write("rules", *base, *(named("inner", 1, content) for content in inner), named("outer", 2, outer))
    return site.load().current()


def hits_of(ruleset: Any, happened: list[tuple[Any, ...]]) -> list[Hit]:
    made = []
    for number, (minute, kind, *more) in enumerate(happened):
        fields = {"user.name": "u", **(more[0] if more else {})}
        moment = iso(NOW + timedelta(minutes=minute))
        made.append(
            Hit(
                rule=ruleset.rules[IDS[kind]],
                generation=1,
                event_id=f"e{number}",
                time=moment,
                received=moment,
                tenant="k",
                source="s",
                entity="user:u",
                fields=fields,
            )
        )
    return made  # fmt: skip


def streamed(ruleset: Any, state: State, hits: list[Hit]) -> list[tuple[str, str, str]]:
    """Feed hits one by one, a new process each, then let all time pass."""
    found: list[Hit] = []
    for hit in hits:
        with state.write() as conn:
            found += Correlator(ruleset).feed(conn, [hit], NOW)
    for days in range(1, 4):
        with state.write() as conn:
            found += Correlator(ruleset).ripen(conn, NOW + timedelta(days=days))
    return sorted((hit.rule.title, hit.time, hit.event_id) for hit in found)


@pytest.mark.parametrize("row", CASES)
def test_a_correlation_is_true_as_often_as_it_is(site: Any, state: State, row: str) -> None:
    for contents, happened, times in CASES[row]:
        ruleset = written(site, contents)
        assert not ruleset.faults, ruleset.faults
        hits = hits_of(ruleset, happened)
        past = sorted(
            (hit.rule.title, hit.time, hit.event_id) for hit in over(ruleset, sorted(hits, key=lambda hit: hit.time))
        )
        assert [title for title, _, _ in past] == ["outer"] * times, (contents, past)
        assert streamed(ruleset, state, hits) == past
        with state.write() as conn:
            conn.exec_driver_sql("DELETE FROM correlation")
            conn.exec_driver_sql("DELETE FROM correlation_entry")


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_refused_is_said_and_the_rest_runs(site: Any, row: str) -> None:
    for content, said in REFUSED[row]:
        ruleset = written(site, [content])
        (fault,) = ruleset.faults
        assert fault.rule.endswith("e2")
        assert "rules.yml:" in fault.where
        assert said in fault.reason, fault.reason
        assert not ruleset.correlations
        assert not ruleset.rules[IDS["a"]].silent


def test_a_correlation_over_a_faulty_one_is_at_fault_too(site: Any) -> None:
    faults = written(site, [COUNT | {"rules": ["nowhere"]}, body("temporal", "inner", "b")]).faults
    assert sorted(fault.rule[-2:] for fault in faults) == ["e1", "e2"]


def test_an_inner_correlation_raises_nothing_unless_the_outer_generates(site: Any, state: State) -> None:
    for generate, titles in ((False, ["outer"]), (True, ["inner", "outer"])):
        ruleset = written(site, [COUNT, body("event_count", "inner", condition=gte(1), generate=generate)])
        hits = hits_of(ruleset, [(0, "a"), (1, "a")])
        assert [hit.rule.title for hit in over(ruleset, hits)] == titles


def test_a_condition_waits_for_late_events_and_no_longer(site: Any, state: State) -> None:
    ruleset = written(site, [body("temporal", "a", "b", condition="a and not b")])
    first, late = hits_of(ruleset, [(0, "a"), (8, "b")])
    end = NOW + timedelta(minutes=10)
    for order, expected in (([first], 1), ([first, late], 0)):
        correlator = Correlator(ruleset, 300)
        with state.write() as conn:
            assert correlator.feed(conn, order[:1], NOW) == []
            assert correlator.ripen(conn, end + timedelta(seconds=299)) == []
            assert correlator.feed(conn, order[1:], end + timedelta(seconds=299)) == []
            assert not correlator.due(conn, end + timedelta(seconds=299))
            assert correlator.due(conn, end + timedelta(seconds=300))
            found = correlator.ripen(conn, end + timedelta(seconds=300))
            assert [hit.time for hit in found] == [iso(end)] * expected
            assert not correlator.due(conn, end + timedelta(days=1))
            conn.exec_driver_sql("DELETE FROM correlation_entry")
            conn.exec_driver_sql("DELETE FROM correlation")


def test_what_comes_after_an_outage_is_waited_for_too(site: Any, state: State) -> None:
    ruleset = written(site, [body("temporal", "a", "b", condition="a and not b")])
    first, second = hits_of(ruleset, [(0, "a"), (1, "b")])
    hours_later = NOW + timedelta(hours=3)
    with state.write() as conn:
        correlator = Correlator(ruleset, 300)
        correlator.feed(conn, [first], hours_later)
        assert correlator.ripen(conn, hours_later + timedelta(seconds=200)) == []
        correlator.feed(conn, [second], hours_later + timedelta(seconds=201))
        assert correlator.ripen(conn, hours_later + timedelta(hours=1)) == []


def test_fields_are_those_of_the_field_map_whatever_they_are_called(site: Any, tmp_path: Path) -> None:
    logon = {
        **RULE,
        "id": IDS["a"],
        "name": "a",
        "logsource": {"product": "windows", "service": "security"},
        "detection": {"s": {"EventID": 4625}, "condition": "s"},
    }
    site.write(
        "rules",
        logon,
        named("outer", 2, body("event_count", "a", condition=gte(2)) | {"group-by": ["TargetUserName", "IpAddress"]}),
    )
    ruleset = site.load().current()
    assert not ruleset.faults, ruleset.faults
    info = ruleset.rules[IDS["a"]]
    event = {"winlog.channel": "Security", "event.code": "4625", "user.name": "sato", "source.ip": "192.0.2.7"}
    fields = carried(event, info.fields)
    hits = [
        Hit(
            rule=info,
            generation=1,
            event_id=f"e{n}",
            time=iso(NOW),
            received=iso(NOW),
            tenant="k",
            source="s",
            entity="u",
            fields=fields,
        )
        for n in range(2)
    ]
    (found,) = over(ruleset, hits)
    assert found.fields == {"TargetUserName": "sato", "IpAddress": "192.0.2.7"}  # fmt: skip


def test_the_past_is_correlated_apart_from_the_present(site: Any, state: State) -> None:
    ruleset = written(site, [COUNT])
    one, two = hits_of(ruleset, [(0, "a"), (1, "a")])
    with state.write() as conn:
        assert Correlator(ruleset).feed(conn, [one, msgspec.structs.replace(two, backfill=True)], NOW) == []


def test_an_event_far_in_the_future_spoils_no_window(site: Any, state: State) -> None:
    ruleset = written(site, [COUNT])
    hits = hits_of(ruleset, [(60 * 24 * 365, "a"), (0, "a"), (1, "a")])
    with state.write() as conn:
        assert [hit.time for hit in Correlator(ruleset).feed(conn, hits, NOW + timedelta(minutes=2))] == [
            iso(NOW + timedelta(minutes=1))
        ]


def counters(conn: Any) -> dict[str, int]:
    return dict(map(tuple, conn.exec_driver_sql("SELECT name, value FROM counter ORDER BY name").all()))


def test_what_came_too_late_is_counted(site: Any, state: State) -> None:
    ruleset = written(site, [COUNT])
    with state.write() as conn:
        for _ in range(2):
            Correlator(ruleset).feed(
                conn, hits_of(ruleset, [(60, "a"), (10, "a"), (11, "a")]), NOW + timedelta(hours=1)
            )
        assert counters(conn) == {"correlation.late": 4}


def test_a_flood_of_groups_stays_bounded_and_the_fullest_stay(
    site: Any, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hinomi.detections.correlation.store.MOST_GROUPS", 50)
    ruleset = written(site, [body("event_count", "a", condition=gte(3))])
    attack = hits_of(ruleset, [(0, "a", {"user.name": "victim"}), (0.1, "a", {"user.name": "victim"})])
    flood = hits_of(ruleset, [(1, "a", {"user.name": f"x{n}"}) for n in range(200)])
    last = hits_of(ruleset, [(2, "a", {"user.name": "victim"})])
    with state.write() as conn:
        correlator = Correlator(ruleset)
        correlator.feed(conn, attack, NOW)
        correlator.feed(conn, [msgspec.structs.replace(hit, event_id=f"f{n}") for n, hit in enumerate(flood)], NOW)
        assert correlator.evicted == 151
        assert counters(conn) == {"correlation.evicted": 151}
        assert conn.exec_driver_sql("SELECT count(*) FROM correlation").scalar_one() == 50
        assert len(correlator.feed(conn, [msgspec.structs.replace(last[0], event_id="l")], NOW)) == 1


def test_a_correlation_that_is_changed_begins_anew(site: Any, state: State) -> None:
    first = written(site, [COUNT])
    one, two, three = hits_of(first, [(0, "a"), (1, "a"), (2, "a")])
    with state.write() as conn:
        assert Correlator(first).feed(conn, [one], NOW) == []
        second = written(site, [COUNT | {"timespan": "11m"}])
        assert Correlator(second).feed(conn, [two], NOW) == []
        assert len(Correlator(second).feed(conn, [three], NOW)) == 1


def test_a_transaction_that_is_not_committed_leaves_nothing_in_memory(site: Any, state: State) -> None:
    ruleset = written(site, [COUNT])
    one, two = hits_of(ruleset, [(0, "a"), (1, "a")])
    correlator = Correlator(ruleset)
    with state.engine.connect() as conn:
        assert len(correlator.feed(conn, [one, two], NOW)) == 1
        conn.rollback()
    correlator.forget()
    with state.write() as conn:
        assert len(correlator.feed(conn, [one, two], NOW)) == 1


@pytest.mark.parametrize("content", [
    body("event_count", "a", condition=gte(5), timespan="2m"), body("temporal_ordered", "a", "b", timespan="30s"), body("temporal", "a", "b", condition="a and not b", timespan="40s"),
    body("value_avg", "a", condition={"gt": 60, **V}, timespan="1m"), body("event_count", "a", "b", condition={"eq": 4}, timespan="1m"),
], ids=lambda content: f"{content['type']} {content.get('condition', '')}")  # fmt: skip
def test_shuffled_and_repeated_hits_give_the_hits_of_sorted_ones(
    site: Any, state: State, content: dict[str, Any]
) -> None:
    ruleset = written(site, [content])
    dice = random.Random(1)
    happened = [
        (number * 4 / 60, dice.choice("aab"), {"user.name": dice.choice("uvw"), "v": dice.randrange(100)})
        for number in range(400)
    ]
    hits = hits_of(ruleset, happened)
    wanted = {hit.event_id for hit in over(ruleset, hits)}
    assert len(wanted) > 5
    order = sorted(hits, key=lambda hit: parse_iso(hit.time).timestamp() + dice.uniform(0, 299))
    found: list[str] = []
    correlator, now = Correlator(ruleset), NOW
    for hit in [*order, *order[-50:]]:  # the last batch comes again
        now = max(now, parse_iso(hit.time))
        with state.write() as conn:
            found += [made.event_id for made in correlator.ripen(conn, now)]
            found += [made.event_id for made in correlator.feed(conn, [hit], now)]
    with state.write() as conn:
        found += [made.event_id for made in correlator.ripen(conn, now + timedelta(days=1))]
    assert sorted(found) == sorted(wanted)  # fmt: skip
