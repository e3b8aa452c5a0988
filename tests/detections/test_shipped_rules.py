"""The shipped rules: samples hold, nobody is left without a word of why and what to do, and a normal day is quiet."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hinomi.cli.demo.generator import SchoolDay, header
from hinomi.cli.demo.world import MUNICIPALITY, World, build, write_csv
from hinomi.cli.rules_page import Rule, shipped
from hinomi.collectors.formats import formats
from hinomi.detections import RuleSet, load, samples
from hinomi.detections.carrying import carried
from hinomi.detections.correlation import over
from hinomi.detections.house import RULES, THREATS
from hinomi.detections.linting import lint
from hinomi.directory.enrich import enrich
from hinomi.directory.importing import import_files, read_folder
from hinomi.event import RawRecord
from hinomi.hits import hit_of
from hinomi.settings import Settings

FOLDER = Path(samples.__file__).parent / "rules"
FILES = sorted(FOLDER.rglob("*.yml"))
ALL = shipped()
MALWARE = "windows/malware"


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return load(Settings(data=tmp_path_factory.mktemp("data"))).current()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_rules_pass_their_samples(ruleset: RuleSet, path: Path) -> None:
    mine = [key for key, compiled in ruleset.compiled.items() if compiled.where == str(path)]
    assert mine
    for name in mine:
        outcomes = list(samples.run(ruleset, name, samples.sample_file(path)))
        assert {outcome.wanted for outcome in outcomes} == {True, False}
        assert [outcome for outcome in outcomes if not outcome.ok] == []


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: str(rule.document["id"]))
def test_every_rule_says_what_why_when_it_is_wrong_and_what_to_do_in_both_languages(rule: Rule) -> None:
    document, own = rule.document, rule.own
    assert all(document[key] for key in ("title", "description", "level", "status", "date", "falsepositives"))
    texts = [own[key] for key in ("title_ja", "description_ja", "why", "why_ja", "response", "response_ja")]
    assert all(isinstance(text, str) and text for text in texts)
    assert len(own["falsepositives_ja"]) == len(document["falsepositives"])
    assert set(own["covers"]) <= {*RULES, *THREATS}
    assert own["contain"] == ("auto" if rule.file.parent.as_posix() == MALWARE else "never")


def test_every_id_and_name_is_there_once() -> None:
    for key in ("id", "name", "title"):
        found = Counter(rule.document[key] for rule in ALL if key in rule.document)
        assert [name for name, count in found.items() if count > 1] == []


@pytest.mark.parametrize("name", [*RULES, *THREATS])
def test_every_rule_of_the_house_and_every_threat_is_answered_by_a_rule_that_alerts(name: str) -> None:
    assert [rule for rule in ALL if name in rule.own["covers"] and not rule.counts]


def test_rules_that_only_count_raise_nothing_themselves(ruleset: RuleSet) -> None:
    counting = [str(rule.document["id"]) for rule in ALL if rule.counts]
    assert [name for name in counting if not ruleset.compiled[name].info.silent] == []


def test_lint_has_nothing_to_say_of_shipped_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert [f"{one.where}: {one.what}" for one in lint([FOLDER])] == []


def test_the_same_act_is_found_whichever_product_logs_it(ruleset: RuleSet) -> None:
    everywhere = {"skysea.operation", "lanscope.operation"}
    for stem in ("external_media_write_by_others", "mass_copy_to_external_media", "print_off_campus", "night_work"):
        found = {one for rule in ALL if rule.file.stem == stem for one in rule.formats}
        assert everywhere <= found, stem
    for stem in ("repeated_blocks", "program_downloaded", "upload_to_other_cloud", "filter_bypass"):
        found = {one for rule in ALL if rule.file.stem == stem for one in rule.formats}
        assert {"ifilter.access", "intersafe.access", "squid.access"} <= found, stem


def test_a_normal_school_day_raises_no_alert(ruleset: Any, tmp_path: Path) -> None:
    world = build(1)
    assert alerts(ruleset, world, tmp_path, 3000) == Counter()


def alerts(ruleset: Any, world: World, folder: Path, count: int) -> Counter[str]:
    """Return how often each rule that alerts is hit by the work of a day."""
    write_csv(world, folder)
    directory = import_files(read_folder(folder), folder)
    events = []
    for number, item in enumerate(SchoolDay(world, 1, datetime(2026, 11, 24, 8, 30, tzinfo=UTC)).history(count)):
        name = "skysea.operation" if item.door == "oplog" else "windows.eventlog"
        context = header() if item.door == "oplog" else None
        (event,) = formats.get(name)(RawRecord(item.line.encode(), "s", str(number), 0, context))
        made = {**event, "event.id": str(number)}
        enrich(directory, made, MUNICIPALITY)
        events.append(made)
    found = ruleset.match(events).hits
    hits = [
        hit_of(rule, events[n], generation=0, received="", fields=carried(events[n], rule.fields)) for n, rule in found
    ]
    raised = [hit.rule for hit in hits if not hit.rule.silent]
    raised += [hit.rule for hit in over(ruleset, sorted(hits, key=lambda hit: hit.time))]
    return Counter(rule.title for rule in raised if rule.level not in ("informational", "low"))
