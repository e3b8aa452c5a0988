"""The fast matchers answer as the plain predicates do, on SigmaHQ's rules and events made to part them."""

import gzip
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinomi.collectors.formats import formats
from hinomi.detections import load
from hinomi.detections.engine.building import Building
from hinomi.detections.engine.compiling import Compiled
from hinomi.detections.engine.matching import Exact, Matcher
from hinomi.detections.engine.reference import ReferenceMatcher
from hinomi.detections.fieldmap import Product, fieldmaps
from hinomi.event import Event, RawRecord
from hinomi.settings import Rules, Settings
from tests.detections.equality import event_for

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not (DATA / "sigmahq").exists(), reason="needs SigmaHQ's rules, ../shared/data/sigmahq")


class Both:
    """The plain matcher and the others, over the same rules."""

    def __init__(self, rules: Sequence[Compiled], cache: Path):
        virtual = {n: make for _, table in fieldmaps if isinstance(table, Product) for n, make in table.virtual.items()}
        building = Building(rules, virtual, cache)
        self.rules = rules
        self.exact = Exact(lambda number: rules[number].tree or [], virtual)
        self.plain = ReferenceMatcher(self.exact, building.routes())
        self.fast: list[Matcher] = list(building.matchers())

    def differences(self, event: Event) -> list[str]:
        wanted = list(self.plain.match(event))
        return [
            f"{type(matcher).__name__}: {self.rules[number].info.title}"
            for matcher in self.fast
            for _ in range(2)  # the second time from memory
            for number in set(wanted) ^ set(matcher.match(event))
        ]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    data = tmp_path_factory.mktemp("agree")
    folders = tuple(folder for folder in (DATA / "sigmahq").iterdir() if folder.name.startswith("rules"))
    found = load(Settings(data=data, rules=Rules(shipped=False, folders=folders))).current()
    return Both([rule for rule in found.compiled.values() if rule.tree is not None], data / "cache" / "rules")


@given(seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_events_made_for_rules_are_matched_alike(both: Both, seed: int) -> None:
    random = Random(seed)
    rule = random.choice(both.rules)
    event = event_for(rule.tree or [], random.choice(rule.routes or [()]), random)
    assert both.differences(event) == [], event


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_an_event_that_differs_in_one_field_from_one_before_has_its_own_answer(both: Both, seed: int) -> None:
    random = Random(seed)
    rule = random.choice(both.rules)
    event = event_for(rule.tree or [], random.choice(rule.routes or [()]), random)
    other = event_for(random.choice(both.rules).tree or [], (), random)
    for changed in (event, *({**event, name: value} for name, value in other.items()), event):
        assert both.differences(changed) == [], changed
    for name in event:
        without = {key: value for key, value in event.items() if key != name}
        assert both.differences(without) == [], without


@pytest.mark.parametrize("lane", ["windows_mix_8k", "windows_process_6k"])
def test_recorded_events_are_matched_alike(both: Both, lane: str) -> None:
    parse = formats.get("windows.eventlog")
    with gzip.open(DATA / "lanes" / f"{lane}.ndjson.gz") as file:
        for number, line in enumerate(islice(file, 0, None, 80)):
            for event in parse(RawRecord(line, "s", str(number), 1)):
                assert both.differences(event) == []
