"""The rule writer's bench: lint, try, explain, on files, without a server and without an installation."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hinomi.api import keys
from hinomi.api.app import create_app
from hinomi.detections.offline.files import chunks
from hinomi.detections.offline.sweep import Sweeper
from hinomi.events import Flush, open_store
from hinomi.runtime.parts import build_core, build_deps
from hinomi.settings import Rules, Settings
from hinomi.tenancy import SCOPES, Grant

RULE = """title: Shell of a document
id: 5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c01
name: shell
status: test
description: d
level: high
logsource: {product: windows, category: process_creation}
detection:
  selection:
    ParentImage|endswith: '\\winword.exe'
    CommandLine|contains: copy
  condition: selection
"""
COUNT = """title: Many shells
id: 5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c02
status: test
description: d
level: critical
correlation:
  type: event_count
  rules: [shell]
  group-by: [Computer]
  timespan: 5m
  condition: {gte: 2}
"""


def event(command: str, **more: Any) -> str:
    return json.dumps({
        "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "t-101", "Image": "C:\\Windows\\cmd.exe",
        "ParentImage": "C:\\Office\\WINWORD.EXE", "CommandLine": command, "UtcTime": "2026-11-24 01:02:03.000", **more,
    })  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rule.yml").write_text(RULE)
    (tmp_path / "count.yml").write_text(COUNT)
    lines = [
        event("cmd /c dir", EventID=3),
        event("cmd /c dir"),
        event("cmd /c copy a"),
        event("cmd /c copy b", UtcTime="2026-11-24 01:03:03.000"),
    ]
    (tmp_path / "events.ndjson").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_a_rule_is_tried_over_a_file(hinomi: Any, bench: Path) -> None:
    said = hinomi("rule", "try", "rule.yml", "--on", "events.ndjson", "-o", "json")
    assert said.code == 0, said.err
    assert [(row["index"], row["title"], row["host"]) for row in json.loads(said.out)] == [(2, "Shell of a document", "t-101"), (3, "Shell of a document", "t-101")]  # fmt: skip
    assert "4 records, 3 of the rule's log source, 2 hits" in said.err


def test_a_rule_without_hits_says_what_to_ask_next(hinomi: Any, bench: Path) -> None:
    (bench / "rule.yml").write_text(RULE.replace("copy", "xcopy"))
    said = hinomi("rule", "try", "rule.yml", "--on", "events.ndjson")
    assert said.code == 0
    assert "hinomi rule explain rule.yml --event events.ndjson:1" in said.err


def test_a_correlation_is_tried_with_the_rules_it_refers_to(hinomi: Any, bench: Path) -> None:
    said = hinomi("rule", "try", "count.yml", "--rules", "rule.yml", "--on", "events.ndjson", "-o", "json")
    assert [(row["title"], row["index"]) for row in json.loads(said.out)] == [("Many shells", 3)]
    alone = hinomi("rule", "try", "count.yml", "--on", "events.ndjson")
    assert (alone.code, "count.yml:8" in alone.err, "not loaded" in alone.err) == (2, True, True)
    base = hinomi("rule", "try", "rule.yml", "--rules", "count.yml", "--on", "events.ndjson", "-o", "json")
    assert len(json.loads(base.out)) == 2


def test_a_broken_rule_is_named_with_its_line(hinomi: Any, bench: Path) -> None:
    (bench / "rule.yml").write_text(RULE.replace("contains", "contain"))
    said = hinomi("rule", "try", "rule.yml", "--on", "events.ndjson")
    assert said.code == 2
    assert "rule.yml:11: selection: CommandLine|contain: modifier 'contain' is unknown" in said.err


def test_an_explanation_reads_clause_by_clause(hinomi: Any, bench: Path) -> None:
    said = hinomi("rule", "explain", "rule.yml", "--event", "events.ndjson:1")
    assert said.code == 0, said.err
    assert "✗ does not match" in said.out
    assert "✓ ParentImage|endswith → process.parent.executable" in said.out
    assert "✗ CommandLine|contains → process.command_line" in said.out
    assert "here: process.command_line = 'cmd /c dir'" in said.out
    assert "✗ 'copy'" in said.out
    other = hinomi("rule", "explain", "rule.yml", "--event", "events.ndjson:0").out
    assert "✗ log source product: windows category: process_creation" in other
    assert "event.code = 1, here '3'" in other
    whole = json.loads(hinomi("rule", "explain", "rule.yml", "--event", "events.ndjson:2", "-o", "json").out)
    assert whole["matches"] is True


def test_a_correlation_is_explained_by_its_rules(hinomi: Any, bench: Path) -> None:
    said = hinomi("rule", "explain", "count.yml", "--rules", "rule.yml", "--event", "events.ndjson:2")
    assert "a correlation, event_count over 300 s" in said.out
    assert "grouped by Computer: 't-101'" in said.out
    assert "✓ matches" in said.out


@pytest.fixture
def stored(bench: Path) -> list[str]:
    """The file's events in an installation's store; their ids."""
    (bench / "hinomi.toml").write_text('data = "data"\n')
    sweeper = Sweeper(None)
    events = [event for chunk in chunks(bench / "events.ndjson") for found in sweeper.read(chunk) for event in found]
    store = open_store(Settings(data=bench / "data"), writable=True)
    store.append(Flush("a", [(1, events)]))
    store.close()
    return [event["event.id"] for event in events]


def test_a_rule_that_nobody_has_loaded_is_tried_over_the_store(hinomi: Any, bench: Path, stored: list[str]) -> None:
    said = hinomi("rule", "try", "rule.yml", "--since", "2026-11-01", "--until", "2026-11-30", "-o", "json")
    assert said.code == 0, said.err
    assert {row["event_id"] for row in json.loads(said.out)} == set(stored[2:])
    many = hinomi(
        "rule",
        "try",
        "count.yml",
        "--rules",
        "rule.yml",
        "--since",
        "2026-11-01",
        "--until",
        "2026-11-30",
        "-o",
        "json",
    )
    assert [(row["title"], row["timestamp"]) for row in json.loads(many.out)] == [
        ("Many shells", "2026-11-24T01:03:03.000000Z")
    ]
    assert json.loads(hinomi("rule", "list", "-o", "json").out)
    assert "5f4c1f0a" not in hinomi("rule", "list").out  # it was tried, not kept
    records = [json.loads(line) for line in hinomi("audit", "list", "-o", "jsonl").out.splitlines()]
    assert [record["detail"]["sha256"] for record in records if record["act"] == "events.hunt"]
    (bench / "rule.yml").write_text(RULE.replace("contains", "contain"))
    broken = hinomi("rule", "try", "rule.yml", "--since", "24h")
    assert (broken.code, "rule.yml:11" in broken.err) == (2, True)


def test_a_stored_event_is_explained_by_its_id(hinomi: Any, bench: Path, stored: list[str]) -> None:
    said = hinomi("rule", "explain", "Office application starts", "--event", stored[1])
    assert said.code == 0, said.err
    assert "✓ log source product: windows" in said.out
    assert "here: process.parent.executable = 'C:\\Office\\WINWORD.EXE'" in said.out
    own = json.loads(
        hinomi("rule", "explain", "count.yml", "--rules", "rule.yml", "--event", stored[2], "-o", "json").out
    )
    assert [part["matches"] for part in own["rules"]] == [True]
    nobody = hinomi("rule", "explain", "nobody", "--event", stored[1])
    assert (nobody.code, "'nobody'" in nobody.err) == (1, True)
    gone = hinomi("rule", "explain", "Office application starts", "--event", "0" * 32)
    assert (gone.code, "no event" in gone.err) == (1, True)


def test_shipped_rules_are_known_by_a_part_of_their_title(hinomi: Any, bench: Path) -> None:
    said = hinomi("rule", "try", "Office application starts", "--on", "events.ndjson")
    assert said.code == 0, said.err
    assert "4 records" in said.err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("try", "nobody", "--on", "events.ndjson"), 1, "'nobody'"), (("try", "rule.yml", "--on", "nowhere.evtx"), 2, "nowhere.evtx"),
        (("explain", "rule.yml", "--event", "events.ndjson:99"), 1, "no record 99"), (("explain", "rule.yml", "--event", "nowhere:1"), 2, "no settings file"),
        (("lint", "nowhere.yml"), 2, "nowhere.yml"), (("try", "rule.yml"), 2, "--on"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(hinomi: Any, bench: Path, words: tuple[str, ...], code: int, text: str) -> None:
    said = hinomi("rule", *words)
    assert (said.code, said.out) == (code, ""), said.err
    assert text in said.err


def test_lint_ends_with_1_and_names_file_line_and_remedy(hinomi: Any, bench: Path) -> None:
    assert hinomi("rule", "lint", "rule.yml").code == 0
    (bench / "rule.yml").write_text(RULE.replace("contains", "contain").replace("status: test", "status: fine"))
    said = hinomi("rule", "lint", "rule.yml")
    assert said.code == 1
    assert "rule.yml:4: warning: status 'fine'" in said.out
    assert "rule.yml:11: error: selection: CommandLine|contain" in said.out
    assert "    write one of stable" in said.out
    errors = hinomi("rule", "lint", "rule.yml", "--level", "error", "-o", "json")
    assert [row["level"] for row in json.loads(errors.out)] == ["error"]


FILTER = """title: Night
id: 5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c0%d
logsource: {product: windows}
filter: {rules: any, selection: {CommandLine|contains: night}, condition: selection}
hinomi: {owner: o, reason: r, until: 2099-01-01, tenants: [%s]}
"""


def test_an_explanation_names_no_exception_of_another_municipality(bench: Path, stored: list[str]) -> None:
    for number, tenant in ((4, "kita/aoba"), (5, "minami")):
        (bench / f"filter{number}.yml").write_text(FILTER % (number, tenant))
    settings = Settings(data=bench / "data", rules=Rules(shipped=False, folders=(bench,)))
    core = build_core(settings)
    store = open_store(settings, writable=True)
    event = {"@timestamp": "2026-11-24T01:02:03.000000Z", "event.id": "1" * 32, "hinomi.tenant": "kita/aoba/higashi-es"}
    store.append(Flush("b", [(1, [event])]))
    store.close()
    for tenant, named in (("", {"4", "5"}), ("kita", {"4"}), ("kita/aoba/higashi-es", {"4"})):
        with core.state.write() as conn:
            _, key = keys.create(
                conn, core.clock.now(), Grant("local:t", "", SCOPES), name="k", scopes=["read"], tenant=tenant, days=1
            )
        with TestClient(create_app(build_deps(core)), base_url="http://127.0.0.1:8400") as client:
            body = {"rules": ["shell"], "event": "1" * 32}
            answer = client.post("/api/v1/explanations/search", json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        assert {part["id"][-1] for part in answer.json()["items"][0]["exceptions"]} == named
    core.state.close()
