"""A rule finds in the store what it finds on the stream: the store's candidates miss nothing."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from hinomi.collectors.formats import formats
from hinomi.detections import load
from hinomi.detections.hunting import TOGETHER, chosen, hunt
from hinomi.errors import ConfigError
from hinomi.event import Event, RawRecord
from hinomi.events import EventStore, Flush, open_store
from hinomi.settings import Rules, Settings
from hinomi.tenancy import Grant

SHARED = Path(__file__).parents[3] / "shared" / "data"
ALWAYS = ("1970-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z")
RULE = "00000000-0000-4000-8000-000000000001"
WHO = Grant("t", "", frozenset({"read"}))
SYSMON = {
    "winlog.channel": "Microsoft-Windows-Sysmon/Operational",
    "event.code": "1",
    "event.dataset": "windows.sysmon_operational",
}
HEAD = {"title": "t", "level": "high", "logsource": {"product": "windows", "category": "process_creation"}}


def stored(folder: Path, events: list[Event], fields: frozenset[str] = frozenset()) -> EventStore:
    store = open_store(Settings(data=folder / "store"), writable=True, fields=fields)
    store.append(Flush("a", [(1, events)]))
    return store


def event(number: int, **more: Any) -> Event:
    return {"@timestamp": f"2026-11-24T00:00:{number:02}.000000Z", "event.id": f"{number:032x}", **SYSMON, **more}


@pytest.mark.parametrize(
    ("detection", "found"),
    [
        ({"s": {"CommandLine|contains": "ENCODED"}, "condition": "s"}, {1}),
        (
            {"s": {"Image|endswith": "\\cmd.exe"}, "f": {"CommandLine|contains": "safe"}, "condition": "s and not f"},
            {2, 4},
        ),
        ({"s": {"CommandLine|re": "^a.c$"}, "condition": "s"}, {3}),
        ({"s": {"CommandLine": None}, "condition": "s"}, {4}),
        ({"s": {"CommandLine": ""}, "condition": "s"}, {7}),
        ({"s": {"ProcessId|gt": 40}, "condition": "s"}, {2}),
        ({"s": {"ProcessId": 41}, "condition": "s"}, {2}),
        ({"s": {"CommandLine|contains": "straSSe"}, "condition": "s"}, {5}),
        ({"k": ["encoded", "nothing"], "condition": "k"}, {1}),
        ({"s": {"Own|contains": "deep"}, "condition": "s"}, {6}),
    ],
)
def test_a_hunt_finds_what_the_stream_finds(
    site: Any, tmp_path: Path, detection: dict[str, Any], found: set[int]
) -> None:
    events = [
        event(1, **{"process.executable": "C:\\x\\powershell.exe", "process.command_line": "-Encoded x"}),
        event(2, **{"process.executable": "C:\\x\\CMD.EXE", "process.command_line": "dir", "process.pid": 41}),
        event(3, **{"process.executable": "C:\\x\\cmd.exe", "process.command_line": "abc"}),
        event(4, **{"process.executable": "C:\\x\\cmd.exe"}),
        event(5, **{"process.command_line": "Straße safe", "process.pid": 3}),
        event(6, **{"process.command_line": "safe", "winlog.event_data.Own": ["x", "DEEP inside"]}),
        event(7, **{"process.command_line": ""}),
    ]
    if "f" in detection:
        events[2]["process.command_line"] = "a safe c"
    site.write("r", {**HEAD, "id": RULE, "detection": detection})
    ruleset = site.load().current()
    assert not ruleset.faults
    store = stored(tmp_path, events)
    steps = list(hunt(store, ruleset, [RULE], *ALWAYS, WHO))
    assert {int(e["event.id"], 16) for step in steps for _, e in step.hits} == found
    assert {index + 1 for index, _ in ruleset.match(events).hits} == found
    store.close()


def test_a_correlation_is_hunted_by_the_rules_that_it_refers_to(site: Any, tmp_path: Path) -> None:
    base = {**HEAD, "id": RULE, "name": "base", "detection": {"s": {"Image|endswith": "\\x.exe"}, "condition": "s"}}
    body = {"type": "event_count", "rules": ["base"], "group-by": ["User"], "timespan": "1m", "condition": {"gte": 3}}
    many = {"title": "many", "id": RULE[:-1] + "2", "name": "many", "level": "high", "correlation": body}
    lonely = {
        "type": "temporal",
        "rules": ["many", "base"],
        "timespan": "1m",
        "condition": "many and base",
        "group-by": ["User"],
    }
    outer = {"title": "outer", "id": RULE[:-1] + "3", "level": "high", "correlation": lonely}
    site.write("r", base, many, outer)
    ruleset = site.load().current()
    assert not ruleset.faults, ruleset.faults
    times = ["2026-11-24T23:59:50", "2026-11-24T23:59:55", "2026-11-25T00:00:05", "2026-11-25T05:00:00"]
    events = [
        event(
            n,
            **{
                "@timestamp": f"{times[n]}.000000Z",
                "process.executable": "C:\\x.exe",
                "user.name": "sato",
                "host.name": "pc",
            },
        )
        for n in (3, 1, 0, 2)
    ]
    store = stored(tmp_path, events)

    def found(rules: list[str], since: str = ALWAYS[0]) -> list[tuple[str, str, str]]:
        steps = hunt(store, ruleset, rules, since, ALWAYS[1], WHO)
        return sorted((rule.title, e["@timestamp"], e["host.name"]) for step in steps for rule, e in step.hits)

    once = ("many", "2026-11-25T00:00:05.000000Z", "pc")
    assert found([RULE[:-1] + "2"]) == [once]
    assert found([RULE[:-1] + "2"], "2026-11-25T00:00:00.000000Z") == [once]  # looks back by its timespan
    assert [title for title, _, _ in found([RULE[:-1] + "3"])] == ["outer"]
    assert [title for title, _, _ in found([RULE, RULE[:-1] + "2"])] == ["many", "t", "t", "t", "t"]
    store.close()  # fmt: skip


def test_rules_are_named_by_id_or_title_and_an_unknown_name_is_said(site: Any) -> None:
    site.write(
        "r", {**HEAD, "id": RULE, "title": "Shell of a document", "detection": {"s": {"Image": "x"}, "condition": "s"}}
    )
    ruleset = site.load().current()
    assert chosen(ruleset, [RULE]) == chosen(ruleset, ["of a DOC"]) == [RULE]
    with pytest.raises(ConfigError, match="no rule is called 'nothing'"):
        chosen(ruleset, ["nothing"])


def test_a_hunt_stays_in_its_tenant_and_window(site: Any, tmp_path: Path) -> None:
    site.write("r", {**HEAD, "id": RULE, "detection": {"s": {"Image": "x"}, "condition": "s"}})
    ruleset = site.load().current()
    store = stored(
        tmp_path,
        [event(n, **{"process.executable": "x", "hinomi.tenant": "kita" if n < 9 else "minami"}) for n in range(5, 15)],
    )
    steps = hunt(store, ruleset, [RULE], "2026-11-24T00:00:07", "2100", Grant("t", "kita", frozenset({"read"})))
    assert sorted(int(e["event.id"], 16) for step in steps for _, e in step.hits) == [7, 8]
    store.close()


@pytest.mark.skipif(not (SHARED / "lanes").exists(), reason="needs recorded events and rules, ../shared/data")
@pytest.mark.timeout(600)
def test_every_rule_of_sigmahq_hunts_what_it_matches_on_the_stream(tmp_path: Path) -> None:
    folder = SHARED / "sigmahq" / "rules" / "windows" / "process_creation"
    ruleset = load(Settings(data=tmp_path, rules=Rules(shipped=False, folders=(folder,)))).current()
    parse = formats.get("windows.eventlog")
    lines = gzip.decompress(next((SHARED / "lanes").glob("*proc*")).read_bytes()).splitlines()[:1500:3]
    events = []
    for number, line in enumerate(lines):
        for found in parse(RawRecord(line, "s", str(number), 1)):
            events.append({**found, "event.id": f"{number:032x}", "@timestamp": f"2026-11-24T00:00:00.{number:06}Z"})
    streamed = {(rule.id, events[index]["event.id"]) for index, rule in ruleset.match(events).hits}
    assert len(streamed) > 50
    store = stored(tmp_path, events, ruleset.fields)
    rules = sorted({rule for rule, _ in streamed})
    for start in range(0, len(rules), TOGETHER):
        part = rules[start : start + TOGETHER]
        hunted = {
            (rule.id, e["event.id"]) for step in hunt(store, ruleset, part, *ALWAYS, WHO) for rule, e in step.hits
        }
        assert hunted == {pair for pair in streamed if pair[0] in part}
    store.close()
