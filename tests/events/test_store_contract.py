"""What every event store must do: the same tests for each that is registered."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hinomi.directory import Device, Directory
from hinomi.errors import ConfigError
from hinomi.event import Event
from hinomi.events import Aggregate, EventStore, Flush, Query, open_store, stores
from hinomi.events.candidates import ALL as EVERY
from hinomi.events.candidates import AllOf, AnyOf, Filter, Is, holds
from hinomi.events.exports import who_exported
from hinomi.events.query import moment, parse
from hinomi.settings import Settings
from hinomi.tenancy import Grant

ALL = ("2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z")


def event(number: int, **more: object) -> Event:
    base = {
        "@timestamp": f"2026-11-{number % 20 + 1:02}T01:00:00.{number:06}Z", "event.id": f"{number:032x}", "event.dataset": "t.x",
        "hinomi.tenant": "kita/aoba/higashi-es", "hinomi.source": "s", "message": f"line {number}",
    }  # fmt: skip
    return {**base, **more}


pytestmark = pytest.mark.timeout(300)  # the first test that asks for it waits for a server to start
Make = Callable[[str, Path], Settings]


@pytest.fixture(params=[name for name, _ in stores])
def store(request: pytest.FixtureRequest, tmp_path: Path, store_settings: Make) -> Iterator[EventStore]:
    configured = store_settings(request.param, tmp_path)
    opened = open_store(configured, writable=True, fields=frozenset({"registry.path", "a_b"}))
    yield opened
    opened.close()


def grant(tenant: str = "") -> Grant:
    return Grant("t", tenant, frozenset({"read"}))


def everything(store: EventStore, who: Grant | None = None) -> list[Event]:
    return [found for batch in store.scan(Query(who or grant(), *ALL)) for found in batch]


def test_what_was_appended_comes_back_as_it_was(store: EventStore) -> None:
    odd = event(
        1, **{"process.pid": "not a number", "event.category": "one word", "own.field": {"a": [1, 2.5, None]}, "file.size": 2**63 - 1,
              "host.ip": ["::1", 5], "registry.path": "HKLM\\x", "hinomi.host.known": "yes"},
    )  # fmt: skip
    store.append(Flush("a", [(1, [odd])]))
    assert everything(store) == [odd]


@pytest.mark.parametrize("kind", [name for name, _ in stores])
def test_rules_may_name_a_field_in_two_spellings(kind: str, tmp_path: Path, store_settings: Make) -> None:
    configured = store_settings(kind, tmp_path)
    spellings = {"winlog.event_data.Payload": "a", "winlog.event_data.payload": "b", "host.NAME": "c", "host.name": "d"}
    for number, names in enumerate((["winlog.event_data.payload"], list(spellings), ["winlog.event_data.Payload"]), 1):
        opened = open_store(configured, writable=True, fields=frozenset(names))
        opened.append(Flush("a", [(number, [event(number, **spellings)])]))
        assert everything(opened) == [event(n, **spellings) for n in range(number, 0, -1)]
        opened.close()


def test_a_window_may_reach_from_the_first_year_to_the_last(store: EventStore) -> None:
    store.append(Flush("a", [(1, [event(1)])]))
    for since, until in (
        ("1970-01-01T00:00:00.000000Z", "9999-01-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00.000000Z", ALL[1]),
    ):
        assert store.search(Query(grant(), since, until)).events == [event(1)]  # fmt: skip


@pytest.mark.parametrize("words", ["999999w", "0001-01-01", "last tuesday", "令和99年99月1日"])
def test_a_time_that_cannot_be_is_named(words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        moment(words, datetime(2026, 11, 24, tzinfo=UTC))


@pytest.mark.parametrize("cursor", ["x", "5", "null", '["x"]', '["x", "y"]', "[1, 2]"])
def test_a_cursor_that_is_none_is_named(cursor: str, tmp_path: Path) -> None:
    store = open_store(Settings(data=tmp_path))
    with pytest.raises(ConfigError, match="is no cursor"):
        store.search(Query(grant(), *ALL, cursor=cursor))
    store.close()


numbers = itertools.count(1)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.sampled_from(["process.pid", "host.ip", "message", "x.y", "file.size", "event.category"]),
       st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.lists(st.text(), min_size=1, max_size=3), st.floats(allow_nan=False, allow_infinity=False))))  # fmt: skip
def test_any_value_of_any_field_comes_back(store: EventStore, values: dict[str, object]) -> None:
    number = next(numbers)
    sent = event(
        number, **{k: v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for k, v in values.items()}
    )
    sent = {
        k: [i.encode("utf-8", "replace").decode() for i in v] if isinstance(v, list) else v for k, v in sent.items()
    }
    store.append(Flush("a", [(number, [sent])]))
    assert store.search(Query(grant(), *ALL, parse(f"event.id={sent['event.id']}"))).events == [sent]


def test_a_replayed_block_is_not_doubled(store: EventStore) -> None:
    store.append(Flush("a", [(1, [event(1)]), (2, [event(2)])]))
    store.append(Flush("a", [(2, [event(2)]), (3, [event(3)])]))
    assert sorted(e["message"] for e in everything(store)) == ["line 1", "line 2", "line 3"]
    assert store.position("a") == 3


def test_a_flush_without_egress_moves_its_position_too(store: EventStore) -> None:
    out = event(2, **{"hinomi.egress.channel": "usb", "file.name": "名簿.xlsx"})
    store.append(Flush("a", [(1, [event(1)])]))
    store.append(Flush("a", [(1, [event(1)]), (2, [out])]))
    left = [e for batch in store.scan(Query(grant(), *ALL, table="egress")) for e in batch]
    assert left == [out]


def test_nothing_crosses_tenants(store: EventStore) -> None:
    store.append(
        Flush(
            "a",
            [(1, [event(1), event(2, **{"hinomi.tenant": "kita/aoba2"}), event(3, **{"hinomi.tenant": "kita/aoba"})])],
        )
    )
    assert {e["message"] for e in everything(store, grant("kita/aoba"))} == {"line 1", "line 3"}
    assert everything(store, grant("minami")) == []
    buckets = store.aggregate(Aggregate(Query(grant("kita/aoba2"), *ALL), ("hinomi.tenant",)))
    assert [(bucket.key, bucket.count) for bucket in buckets] == [(("kita/aoba2",), 1)]


def test_the_window_is_half_open(store: EventStore) -> None:
    store.append(Flush("a", [(1, [event(1), event(2)])]))
    found = store.search(Query(grant(), event(1)["@timestamp"], event(2)["@timestamp"]))
    assert [e["message"] for e in found.events] == ["line 1"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("message=\"line 3\"", {3}), ("message~LINE", {1, 2, 3}), ("own.rest~Secret", {2}), ("process.pid>10", {3}), ("process.pid<=10", {2}),
        ("名簿", {1}), ("message!=\"line 1\" line", {2, 3}), ("event.category=process", {3}), ("own.rest=\"100%_o'r\\\\\"", {1}), ("nothing-like-it", set()),
    ],
)  # fmt: skip
def test_queries(store: EventStore, query: str, expected: set[int]) -> None:
    one = event(1, **{"file.name": "名簿.csv", "own.rest": "100%_o'r\\"})
    two = event(2, **{"own.rest": "a SECRET b", "process.pid": 10})
    three = event(3, **{"process.pid": 11, "event.category": ["process"]})
    store.append(Flush("a", [(1, [one, two, three])]))
    found = store.search(Query(grant(), *ALL, parse(query)))
    assert {int(e["event.id"], 16) for e in found.events} == expected


def test_pages_hold_everything_once_and_in_order(store: EventStore) -> None:
    store.append(Flush("a", [(1, [event(n) for n in range(1, 60)])]))
    seen, cursor = [], None
    while True:
        page = store.search(Query(grant(), *ALL, limit=7, cursor=cursor))
        seen += [e["@timestamp"] for e in page.events]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == 59
    assert seen == sorted(seen, reverse=True)


def test_expiry_drops_whole_days_only(store: EventStore) -> None:
    store.append(Flush("a", [(1, [event(0), event(19), event(1, **{"hinomi.retention": 400})])]))
    store.expire("2027-11-10T00:00:00.000000Z", {"365": 365})
    assert {e["message"] for e in everything(store)} == {"line 19", "line 1"}


def test_an_aggregate_on_a_field_that_is_no_column_is_an_error_with_a_hint(store: EventStore) -> None:
    store.append(Flush("a", [(1, [event(1, **{"own.rest": "x"})])]))
    with pytest.raises(ConfigError, match="no column"):
        store.aggregate(Aggregate(Query(grant(), *ALL), ("own.rest",)))


FIELDS = (
    "message",
    "process.pid",
    "event.category",
    "own.rest",
    "hinomi.host.known",
    "registry.path",
    'odd"\\name',
    "a_b",
)
WORDS = ("", "a", "A%", "b_c", "c'\\d", "10", "1", "true", "ß", "straße", "K", "ſ", "İ", "名簿", "a b", "\x1f")
atoms = st.builds(Is, st.sampled_from(FIELDS), st.sampled_from(["equals", "contains", "starts", "ends", "present"]),
                  st.sampled_from([word for word in WORDS if word and word.isascii() and word.isprintable()]).map(str.lower))  # fmt: skip
filters: st.SearchStrategy[Filter] = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3).map(tuple).flatmap(lambda p: st.sampled_from([AllOf(p), AnyOf(p)])),
    max_leaves=5,
)
held = st.one_of(st.sampled_from(WORDS), st.sampled_from([1, 10, True, False, 2.5]),
                 st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from([1, 10])), min_size=1, max_size=3))  # fmt: skip
some_events = st.lists(st.dictionaries(st.sampled_from(FIELDS), held), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=some_events, wanted=st.lists(filters, min_size=1, max_size=8))
def test_candidates_miss_no_event_that_a_filter_holds_for(
    store: EventStore, bodies: list[dict[str, object]], wanted: list[Filter]
) -> None:
    block = next(numbers)
    tenant = f"t{block}"
    events = [event(100 * block + n, **body, **{"hinomi.tenant": tenant}) for n, body in enumerate(bodies)]
    store.append(Flush("a", [(block, events)]))
    for each in wanted:
        found = {e["event.id"] for batch in store.candidates(each, *ALL, grant(tenant)) for e in batch}
        assert {e["event.id"] for e in events} >= found >= {e["event.id"] for e in events if holds(each, e)}


def test_candidates_are_whole_events_of_the_tenant_and_the_window(store: EventStore) -> None:
    sent = [event(n, **{"hinomi.tenant": "kita/aoba" if n % 2 else "minami"}) for n in range(1, 15)]
    store.append(Flush("a", [(1, sent)]))
    found = [
        e
        for batch in store.candidates(EVERY, sent[3]["@timestamp"], sent[9]["@timestamp"], grant("kita"))
        for e in batch
    ]
    assert found == [sent[n] for n in (4, 6, 8)]


def test_a_filter_keeps_what_cannot_match_in_the_store(store: EventStore) -> None:
    store.append(
        Flush("a", [(1, [event(1, **{"process.name": "cmd.exe"}), event(2, **{"process.name": "powershell.exe"})])])
    )
    found = [e for batch in store.candidates(Is("process.name", "ends", "shell.exe"), *ALL, grant()) for e in batch]
    assert [e["message"] for e in found] == ["line 2"]


def test_counts_are_by_value_as_it_was_written_largest_first(store: EventStore) -> None:
    sent = [
        event(
            n, **{"user.name": "Sato" if n % 3 else "sato", "process.pid": n % 2, "event.category": ["web", "network"]}
        )
        for n in range(1, 7)
    ]
    store.append(Flush("a", [(1, [*sent, event(7, **{"process.pid": "none"})])]))
    asked = Query(grant(), *ALL)
    found = store.aggregate(Aggregate(asked, ("user.name",)))
    assert [(bucket.key, bucket.count) for bucket in found[:2]] == [(("Sato",), 4), (("sato",), 2)]
    assert (found[0].first, found[0].last) == (sent[0]["@timestamp"], sent[4]["@timestamp"])
    assert {bucket.key: bucket.count for bucket in store.aggregate(Aggregate(asked, ("process.pid",)))} == {
        (0,): 3,
        (1,): 3,
        (None,): 1,
    }
    assert [bucket.count for bucket in store.aggregate(Aggregate(asked, ("user.name",), limit=1))] == [4]
    by_lists = store.aggregate(Aggregate(asked, ("event.category",)))
    assert [(bucket.key[0] and list(bucket.key[0]), bucket.count) for bucket in by_lists] == [
        (["web", "network"], 6),
        (None, 1),
    ]
    for terms, count in (
        ("user.name=SATO", 6),
        ("user.name~AT", 6),
        ("user.name!=sato", 1),
        ("process.pid>0", 3),
        ("process.pid=1", 3),
        ("event.category=WEB", 6),
        ("event.category=we", 0),
        ("event.category~ETWOR", 6),
        ("event.category!=web", 1),
    ):
        assert [b.count for b in store.aggregate(Aggregate(Query(grant(), *ALL, parse(terms))))] == [count], terms
    with pytest.raises(ConfigError, match="no number"):
        store.aggregate(Aggregate(Query(grant(), *ALL, parse("event.category>1"))))
    nothing = store.aggregate(Aggregate(Query(grant("minami"), *ALL)))
    assert [(bucket.key, bucket.count, bucket.first) for bucket in nothing] == [((), 0, None)]


def test_a_store_with_nothing_in_it_answers_nothing(store: EventStore) -> None:
    assert everything(store) == []
    assert store.search(Query(grant(), *ALL, parse("message~x"))).events == []
    assert store.aggregate(Aggregate(Query(grant(), *ALL), ("hinomi.source",))) == []
    assert list(store.candidates(EVERY, *ALL, grant())) == []
    assert store.expire(ALL[1], {"365": 365}) == 0
    store.maintain()
    assert store.position("a") == 0


def test_an_answer_says_what_was_there_to_be_looked_at(store: EventStore) -> None:
    out = {
        "hinomi.egress.channel": "usb",
        "hinomi.egress.verdict": "allowed",
        "file.name": "成績.xlsx",
        "file.path": "E:\\成績.xlsx",
        "user.name": "sato",
    }
    sent = [event(n, **{"@timestamp": f"2026-11-20T{n:02}:00:00.000000Z"}) for n in (1, 2, 9)]
    store.append(
        Flush(
            "a",
            [(1, [*sent, event(10, **{"@timestamp": "2026-11-20T10:00:00.000000Z", "hinomi.host.id": "pc-1", **out})])],
        )
    )
    device = Device("pc-2", "kita/aoba/higashi-es", "PC-2")
    answer = who_exported(store, Directory(devices=[device]), grant=grant(), since="2026-11-20T00:00:00.000000Z", until="2026-11-20T11:00:00.000000Z",
                          silence_after={"s": 7200.0, "never": 3600.0}, file="成績")  # fmt: skip
    assert [(row["file"], row["user"], row["channel"]) for row in answer.rows] == [("成績.xlsx", "sato", "usb")]
    told = answer.coverage
    assert [(source.source, source.records, source.first) for source in told.sources] == [
        ("never", 0, None),
        ("s", 4, sent[0]["@timestamp"]),
    ]
    assert told.sources[1].gaps == [(sent[1]["@timestamp"], sent[2]["@timestamp"])]
    assert told.silent_devices == ["pc-2"]
