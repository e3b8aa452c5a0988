"""event_count and value_count over event time: windows, groups, late and repeated hits, restarts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinomi.clock import iso
from hinomi.detections.correlation import Correlator
from hinomi.hits import Hit
from hinomi.state import State

NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
BASE = "00000000-0000-4000-8000-000000000001"
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


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(f"sqlite:///{tmp_path}/state.db")
    made.migrate()
    yield made
    made.close()


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
        body = conn.exec_driver_sql("SELECT length(body) FROM correlation").scalar_one()
    assert body < 7000 * 45


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"type": "temporal"}, "event_count"), ({"timespan": "10 minutes"}, "15m"), ({"condition": {"gte": "three"}}, "whole number"),
        ({"condition": {"gte": 1, "lte": 5}}, "condition"), ({"rules": ["nowhere"]}, "nowhere"), ({"type": "value_count"}, "field"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_said(site: Any, body: dict[str, Any], said: str) -> None:
    site.write("rules", RULE, correlation(**body))
    faults = site.load().current().faults
    assert any(said in fault.reason for fault in faults), faults
