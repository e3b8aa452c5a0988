"""The same rules and correlations over files, over every store and on the stream: one result."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hinomi.clock import iso, parse_iso
from hinomi.detections import load
from hinomi.detections.correlation.machine import LEAST_GROUPS, Machine, Memory, Record
from hinomi.detections.correlation.sorting import Sorted
from hinomi.detections.correlation.stream import Correlator
from hinomi.detections.hunting import hunt
from hinomi.detections.offline.correlating import correlated
from hinomi.detections.offline.files import chunks
from hinomi.detections.offline.rules import offline
from hinomi.detections.offline.sweep import Sweeper
from hinomi.events import Flush, open_store, stores
from hinomi.hits import Hit, RuleInfo
from hinomi.settings import Rules, Settings
from hinomi.state import State
from hinomi.tenancy import Grant

ALWAYS = ("1970-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z")
START = datetime(2026, 11, 24, tzinfo=UTC)
SOURCE = {"product": "windows", "service": "security"}


def rule(name: str, code: str) -> dict[str, Any]:
    detection = {"s": {"EventID": int(code)}, "condition": "s"}
    return {"title": name, "id": f"id-{name}", "name": name, "level": "low", "logsource": SOURCE, "detection": detection}  # fmt: skip


def correlation(name: str, **body: Any) -> dict[str, Any]:
    return {"title": name, "id": f"id-{name}", "name": name, "level": "high", "correlation": {"group-by": ["TargetUserName"], "timespan": "10m", **body}}  # fmt: skip


DOCUMENTS = [
    rule("failed", "4625"), rule("in", "4624"), rule("out", "4634"),
    correlation("many", type="event_count", rules=["failed"], condition={"gte": 4}),
    correlation("hosts", type="value_count", rules=["failed"], condition={"field": "Computer", "gte": 3}),
    correlation("then_in", type="temporal_ordered", rules=["failed", "in"], generate=True),
    correlation("stays", type="temporal", rules=["in", "out"], condition="in and not out"),
    correlation("few", type="event_count", rules=["out"], condition={"lte": 1}),
    correlation("chain", type="temporal_ordered", rules=["many", "in"], generate=True),
]  # fmt: skip


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "all.yml").write_text("---\n".join(yaml.safe_dump(document) for document in DOCUMENTS))
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Log-ons of a few people over some hours, not in order."""
    chance = random.Random(3)
    rows = []
    for number in range(3000):
        moment = START + timedelta(seconds=chance.randrange(6 * 3600), microseconds=number)
        rows.append({
            "EventID": chance.choice((4625, 4625, 4624, 4634)), "Channel": "Security", "Computer": f"pc-{chance.randrange(6)}",
            "TargetUserName": f"user{chance.randrange(8)}", "TimeCreated": iso(moment), "@timestamp": iso(moment), "EventRecordID": number,
        })  # fmt: skip
    path = tmp_path / "security.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def over_the_file(ruleset: Any, file: Path) -> list[tuple[str, str, str]]:
    sweeper = Sweeper(ruleset)
    found = (hit for chunk in chunks(file) for hit in sweeper.sweep(chunk).hits)
    return sorted((hit.rule.title, hit.event["@timestamp"], hit.event["event.id"]) for hit in correlated(ruleset, found) if hit.rule.level == "high")  # fmt: skip


def events_of(ruleset: Any, file: Path) -> list[Any]:
    sweeper = Sweeper(ruleset)
    return [event for chunk in chunks(file) for events in sweeper.read(chunk) for event in events]


def on_the_stream(rules: Path, events: list[Any], data: Path) -> list[tuple[str, str, str]]:
    """As the responder does it: batches in order of arrival, state in the store, what waits looked at as time goes on.

    A batch holds less time than a hit may be late.
    """
    from hinomi.detections.carrying import carried

    ruleset = load(Settings(data=data, rules=Rules(shipped=False, folders=(rules,)))).current()
    state = State(f"sqlite:///{data / 'state.db'}")
    state.migrate()
    correlator = Correlator(ruleset)
    found: list[Hit] = []
    events = sorted(events, key=lambda event: event["@timestamp"])
    for at in range(0, len(events), 20):
        batch = events[at : at + 20]
        hits = [
            Hit(rule=info, generation=1, event_id=batch[index]["event.id"], time=batch[index]["@timestamp"], received=batch[index]["@timestamp"],
                tenant="", source="s", entity="host:x", fields=carried(batch[index], info.fields))
            for index, info in ruleset.match(batch).hits
        ]  # fmt: skip
        now = parse_iso(batch[-1]["@timestamp"])
        with state.write() as conn:
            found += correlator.ripen(conn, now)
            found += correlator.feed(conn, hits, now)
    with state.write() as conn:
        found += correlator.ripen(conn, START + timedelta(days=9))
    state.close()
    return sorted((hit.rule.title, hit.time, hit.event_id) for hit in found)


def over_the_store(ruleset: Any, events: list[Any], settings: Settings) -> list[tuple[str, str, str]]:
    store = open_store(settings, writable=True, fields=ruleset.fields)
    for number in range(3):  # as the storer does it: in parts, none of them in order
        store.append(Flush("a", [(number + 1, events[number::3])]))
    names = [rule.info.id for rule in ruleset.correlations]
    steps = hunt(store, ruleset, names, *ALWAYS, Grant("t", "", frozenset({"read"})))
    found = sorted((rule.title, event["@timestamp"], event["event.id"]) for step in steps for rule, event in step.hits)
    store.close()
    return found


@pytest.mark.timeout(300)  # the first test that asks for it waits for a server to start
@pytest.mark.parametrize("kind", [name for name, _ in stores])
def test_files_store_and_stream_give_the_same_occurrences(
    kind: str, rules: Path, file: Path, tmp_path: Path, store_settings: Callable[[str, Path], Settings]
) -> None:
    ruleset = offline([rules])
    swept = over_the_file(ruleset, file)
    assert {title for title, _, _ in swept} == {"many", "hosts", "then_in", "stays", "few", "chain"}
    events = events_of(ruleset, file)
    assert on_the_stream(rules, events, tmp_path / "data") == swept
    assert over_the_store(ruleset, events, store_settings(kind, tmp_path / "store")) == swept


KINDS_OF_RULES = [
    {"Image|endswith": ["\\PowerShell.exe", "\\ＣＭＤ.exe"]}, {"CommandLine|contains|all": ["-ENC", "名簿"]}, {"CommandLine|re": "(?i).*down.{1,9}string.*"},
    {"CommandLine|cased|contains": "Invoke"}, {"ParentImage": None}, {"User|startswith": "AOBA\\"}, {"Unheard.Of": "x*y"}, {"ProcessId|gte": 4000},
    {"Hashes|contains": "SHA1=" + "c" * 40}, {"CommandLine|contains": ["*", "a?b"]}, {"Image|exists": True, "ParentImage|exists": False},
]  # fmt: skip


def processes(chance: random.Random) -> list[dict[str, Any]]:
    """Processes with odd values: other cases and alphabets, long lines, lists, numbers for texts, nothing at all."""
    images = [
        r"C:\Windows\PowerShell.EXE",
        r"C:\Windows\ＣＭＤ.exe",
        r"C:\ｃｍｄ.exe",
        r"D:\powershell.exe",
        "",
        r"C:\straße\a.exe",
        7,
    ]
    lines = [
        "-enc x 名簿",
        "-ENC 名簿.xlsx",
        "DOWNLOADSTRING",
        "download a string",
        "invoke",
        "Invoke-It",
        "*",
        "a?b",
        "aXb",
        "x" * 9000 + "Invoke",
        ["-enc", "名簿"],
        12,
        "İnvoke",
        "K",
    ]
    rows = []
    for number in range(400):
        moment = iso(START + timedelta(seconds=chance.randrange(9 * 86400), microseconds=number))
        row = {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "PC-1", "UtcTime": moment, "@timestamp": moment, "EventRecordID": number,
               "Image": chance.choice(images), "CommandLine": chance.choice(lines), "ProcessId": chance.choice([4, 4000, 2**40, "many"]), "User": chance.choice(["AOBA\\sato", "aoba\\x", "SYSTEM"]),
               "Hashes": chance.choice(["SHA1=" + "C" * 40, "MD5=" + "d" * 32]), "Unheard.Of": chance.choice(["x1y", "X1Y", "z"])}  # fmt: skip
        rows.append(row if chance.random() < 0.6 else {**row, "ParentImage": chance.choice(images)})
    return rows


@pytest.mark.timeout(300)
def test_hunts_on_every_store_find_what_the_stream_finds(
    tmp_path: Path, store_settings: Callable[[str, Path], Settings]
) -> None:
    (tmp_path / "rules").mkdir()
    found = [
        {"title": f"rule {n}", "id": f"id-{n}", "level": "low", "logsource": {"product": "windows", "category": "process_creation"}, "detection": {"s": body, "condition": "s"}}
        for n, body in enumerate(KINDS_OF_RULES)
    ]  # fmt: skip
    (tmp_path / "rules" / "all.yml").write_text(
        "---\n".join(yaml.safe_dump(one, allow_unicode=True) for one in found), encoding="utf-8"
    )
    file = tmp_path / "sysmon.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in processes(random.Random(5))))
    ruleset: Any = offline([tmp_path / "rules"])
    events = events_of(ruleset, file)
    streamed = sorted((info.id, events[index]["event.id"]) for index, info in ruleset.match(events).hits)
    assert len({rule for rule, _ in streamed}) >= len(KINDS_OF_RULES) - 1
    for kind, _ in stores:
        store = open_store(store_settings(kind, tmp_path / kind), writable=True, fields=ruleset.fields)
        for number in range(3):
            store.append(Flush("a", [(number + 1, events[number::3])]))
        hunted = []
        for number in range(len(found)):  # each by its own filter
            steps = hunt(store, ruleset, [f"id-{number}"], *ALWAYS, Grant("t", "", frozenset({"read"})))
            hunted += [(rule.id, event["event.id"]) for step in steps for rule, event in step.hits]
        store.close()
        assert sorted(hunted) == streamed, kind


def test_hits_that_do_not_fit_into_memory_come_back_in_order() -> None:
    info = RuleInfo(id="r", title="t", level="low", hash="")
    hits = [Hit(rule=info, generation=1, event_id=str(n), time=iso(START + timedelta(seconds=n * 7919 % 1000)), received="", tenant="", source="", entity="") for n in range(1000)]  # fmt: skip
    small, large = Sorted(most=64), Sorted()
    for hit in hits:
        small.add(hit)
        large.add(hit)
    assert list(small) == list(large)
    assert [hit.time for hit in small] == sorted(hit.time for hit in hits)
    small.close()


def test_groups_that_are_over_leave_memory(rules: Path) -> None:
    ruleset: Any = offline([rules])
    specs = {found.info.id: found.correlation for found in ruleset.correlations if found.info.id == "id-many"}
    (user,) = specs["id-many"].slots[0].fields["TargetUserName"]
    memory = Memory(0)
    machine = Machine(specs, memory)
    for n in range(2 * LEAST_GROUPS):
        now = n * 1_000_000
        list(memory.due(now))
        list(machine.feed("id-failed", Record("", now, str(n), {user: f"u{n}"}, None), now))
    assert len(memory) <= LEAST_GROUPS + 1
