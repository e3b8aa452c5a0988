"""An explanation says what the matcher does, and why."""

from pathlib import Path
from typing import Any

import pytest

from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.explaining import explain
from hinomi.detections.offline.files import chunks
from hinomi.detections.offline.rules import offline
from hinomi.detections.offline.sweep import Sweeper

SIGMA = Path(__file__).parents[3] / "shared" / "data" / "sigmahq"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
EVENT = {
    "event.id": "e", "@timestamp": "2026-11-24T00:00:00.000000Z", "event.dataset": "windows.sysmon_operational", "event.module": "windows",
    "winlog.channel": SYSMON, "event.code": "1", "host.name": "t-101", "process.executable": "C:\\Windows\\cmd.exe",
    "process.command_line": "cmd /c copy a b", "hinomi.tenant": "kita/aoba/higashi-es", "tags": ["x", "Copied"],
}  # fmt: skip
HEAD = {
    "title": "t",
    "id": "r1",
    "name": "one",
    "level": "high",
    "logsource": {"product": "windows", "category": "process_creation"},
}


@pytest.fixture
def why(site: Any) -> Any:
    def run(
        detection: dict[str, Any],
        *more: dict[str, Any],
        event: dict[str, Any] | None = None,
        lists: Any = None,
        **head: Any,
    ) -> dict[str, Any]:
        site.write("rule", {**HEAD, **head, "detection": detection}, *more)
        ruleset = site.load().current()
        assert not ruleset.faults, ruleset.faults
        return explain(ruleset.compiled, "r1", EVENT | (event or {}), lists or {})

    return run


def clause(said: dict[str, Any], search: str, number: int = 0) -> dict[str, Any]:
    return next(part for part in said["searches"] if part["name"] == search)["parts"][number]  # type: ignore[no-any-return]  # of JSON


def test_a_clause_shows_sigmas_field_the_events_field_and_the_value_seen(why: Any) -> None:
    said = why({"s": {"CommandLine|contains": ["copy", "move"]}, "condition": "s"})
    part = clause(said, "s")
    assert (part["field"], part["ok"], part["how"]) == ("CommandLine|contains", True, "any")
    assert "process.command_line" in part["ecs"]
    assert part["seen"]["process.command_line"] == ["cmd /c copy a b"]
    assert [(value["value"], value["ok"]) for value in part["values"]] == [("copy", True), ("move", False)]
    assert said["matches"] is True


def test_each_search_has_its_verdict_and_one_that_no_condition_names_says_so(why: Any) -> None:
    detection = {"s": {"CommandLine|contains": "copy"}, "filter_a": {"Image|endswith": "\\cmd.exe"}, "idle": {"Image": "x"}, "condition": "s and not 1 of filter_*"}  # fmt: skip
    said = why(detection)
    assert {part["name"]: (part["ok"], part["used"]) for part in said["searches"]} == {"s": (True, True), "filter_a": (True, True), "idle": (False, False)}  # fmt: skip
    (whole,) = said["conditions"]
    assert [(part["text"], part["ok"]) for part in whole["parts"]] == [("s", True), ("not 1 of filter_*", False)]
    assert said["matches"] is False


def test_a_missing_field_another_value_and_an_unknown_name_are_told_apart(why: Any) -> None:
    detection = {"s": {"ParentImage": "x", "Image": "x"}, "condition": "s"}
    said = why(detection)
    assert "has no" in clause(said, "s", 0)["why"]
    assert clause(said, "s", 1)["why"] == "another value"
    other = {"logsource": {"product": "nobodys", "service": "log"}}
    said = why({"s": {"Unheard": "x"}, "condition": "s"}, event={"event.dataset": "nobodys.log"}, **other)
    assert clause(said, "s")["why"] == "no field map knows this name"
    assert said["unmapped"] == ["Unheard"]


def test_a_value_that_the_field_map_translates_is_shown(why: Any) -> None:
    source = {"logsource": {"product": "windows", "category": "network_connection"}}
    event = {"event.code": "3", "network.direction": "egress"}
    said = why({"s": {"Initiated": True}, "condition": "s"}, event=event, **source)
    (value,) = clause(said, "s")["values"]
    assert (value["ok"], value["mapped"]) == (True, ["egress"])


def test_an_event_of_another_log_source_says_what_differs(why: Any) -> None:
    said = why({"s": {"CommandLine|contains": "copy"}, "condition": "s"}, event={"event.code": "3"})
    assert (said["matches"], said["logsource"]["routed"]) == (False, False)
    ways = [{part["field"]: (part["seen"], part["wanted"], part["ok"]) for part in way["asked"]} for way in said["logsource"]["ways"]]  # fmt: skip
    assert {"winlog.channel": ([SYSMON], SYSMON, True), "event.code": (["3"], "1", False)} in ways
    assert clause(said, "s")["ok"]


def test_a_keyword_says_where_it_was_found(why: Any) -> None:
    said = why({"kw": ["copied", "nowhere"], "condition": "kw"})
    assert list(clause(said, "kw")["seen"]) == ["tags"]
    assert [value["ok"] for value in clause(said, "kw")["values"]] == [True, False]


def test_an_exception_says_whether_it_excepts_this_event(why: Any) -> None:
    def exception(number: int, tenant: str, until: str, word: str) -> dict[str, Any]:
        section = {"rules": ["one"], "selection": {"CommandLine|contains": word}, "condition": "not selection"}
        own = {"owner": "情報担当", "reason": "夜間", "until": until, "tenants": [tenant]}
        return {"title": "f", "id": f"f{number}", "logsource": {"product": "windows"}, "filter": section, "hinomi": own}

    detection = {"s": {"CommandLine|contains": "copy"}, "condition": "s"}
    many = [exception(1, "kita", "2099-01-01", "copy"), exception(2, "minami", "2099-01-01", "copy"), exception(3, "kita", "2020-01-01", "copy"), exception(4, "kita", "2099-01-01", "move")]  # fmt: skip
    said = why(detection, *many)
    assert [(part["id"], part["excepts"], part["in_its_tenants"], part["state"]) for part in said["exceptions"]] == [
        ("f1", True, True, "applies"), ("f2", False, False, "applies"), ("f3", False, True, "ended"), ("f4", False, True, "applies"),
    ]  # fmt: skip
    assert said["matches"] is False
    assert why(detection, *many[1:])["matches"] is True


def test_a_correlation_shows_its_rules_and_what_it_would_group_by(site: Any) -> None:
    body = {
        "type": "event_count",
        "rules": ["one"],
        "group-by": ["Computer", "User"],
        "timespan": "5m",
        "condition": {"gte": 3},
    }
    outer = {"title": "many", "id": "c1", "level": "high", "correlation": body}
    site.write("rule", {**HEAD, "detection": {"s": {"CommandLine|contains": "copy"}, "condition": "s"}}, outer)
    said = explain(site.load().current().compiled, "c1", EVENT, {})
    (part,) = said["rules"]
    assert (part["rule"], part["matches"]) == ("r1", True)
    assert part["groups"] == {"Computer": ["t-101"], "User": []}


def test_explanations_and_matcher_agree_on_sigmahqs_own_events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of every rule that has regression tests, on its own events and those of the next rule."""
    if not SIGMA.is_dir():
        pytest.skip("shared data are not here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    files = [path for path in sorted(SIGMA.rglob("*.yml")) if b"regression_tests_path" in path.read_bytes()]
    ruleset: Any = offline(files)
    sweeper = Sweeper(ruleset)
    events: dict[str, list[Any]] = {}
    for name, rule in ruleset.compiled.items():
        tests = load_all(Path(rule.where).read_bytes(), rule.where)[0].get("regression_tests_path", "nowhere")
        folder = next(
            (parent / str(tests) for parent in Path(rule.where).parents if (parent / str(tests)).exists()), None
        )
        for path in sorted(folder.parent.glob("*.evtx"))[:1] if folder else ():
            events[name] = [event for chunk in chunks(path) for found in sweeper.read(chunk) for event in found][:5]
    names, matched = list(events), 0
    assert len(names) > 100
    for name, after in zip(names, [*names[1:], names[0]], strict=True):
        for event in [*events[name], *events[after]]:
            said = explain(ruleset.compiled, name, event, {})
            hit = any(info.id == name for _, info in ruleset.match([event]).hits)
            assert said["matches"] == hit, (name, event)
            assert hit == (said["logsource"]["routed"] and any(part["ok"] for part in said["conditions"])), name
            matched += hit
    assert matched > 100
