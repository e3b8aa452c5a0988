"""What is rare is learned beside the stream: a sample of events, a child that counts, a set that follows from it."""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from hinomi.detections import learning
from hinomi.detections.learning import AGAIN, Sample, events_of
from hinomi.event import Event

COMMON = "the quick brown fox"


def event(number: int) -> Event:
    return {
        "event.id": f"{number:032x}", "@timestamp": "2026-11-24T00:00:00.000000Z", "event.dataset": "x.y", "event.module": "hinomi",
        "message": f"{COMMON} {number}",
    }  # fmt: skip


def filled(enough: int) -> Sample:
    sample = Sample(every=0, enough=enough)
    while not sample.full:
        sample.look([event(number) for number in range(50)])
    return sample


def test_a_sample_gives_back_events_as_they_were_and_takes_no_more_the_same_day() -> None:
    sample = filled(40)
    found = list(events_of(sample.chunks))
    assert len(found) >= 40
    assert all(each in [event(number) for number in range(50)] for each in found)
    sample.look([event(1)])
    assert list(events_of(sample.chunks)) == found  # enough is enough
    sample.begin_anew()
    sample.look([event(1)])
    assert not list(events_of(sample.chunks))


def test_few_events_of_a_block_are_taken_and_the_next_block_is_left_alone() -> None:
    sample = Sample(every=3600, enough=10_000)
    sample.look([event(number) for number in range(1000)])
    sample.look([event(number) for number in range(1000)])
    assert len(list(events_of(sample.chunks))) == learning.FEW


def test_what_was_learned_an_hour_ago_is_not_learned_again_today() -> None:
    sample = Sample(time.time() - 3600, every=0, enough=1)
    sample.look([event(1)])
    assert not sample.full
    sample = Sample(time.time() - AGAIN - 1, every=0, enough=1)
    sample.look([event(1)])
    assert sample.full


def test_an_event_that_json_cannot_hold_or_of_many_pages_is_passed_over() -> None:
    sample = Sample(every=0, enough=10)
    sample.look([event(1), {**event(2), "message": "\ud800"}, {**event(3), "message": "x" * 100_000}])
    assert list(events_of(sample.chunks)) == [event(1)]


def rules(site: Any) -> Any:
    text = (
        "title: R\nid: r\nlevel: low\nlogsource: {product: hinomi}\n"
        f"detection: {{a: {{message|contains: '{COMMON}'}}, b: {{message|endswith: ' 17'}}, condition: a and b}}\n"
    )
    site.write("one", text)
    return site.load()


def study(found: Any, deadline: float = 60) -> None:
    """Hand a sample over, as soon as no set is being made."""
    until = time.monotonic() + deadline
    while not found.study(filled(400).chunks, "bulk-0") and time.monotonic() < until:
        time.sleep(0.02)


def following(found: Any, generation: int, deadline: float = 60) -> Any:
    """Return the set after one of this generation, when it is there."""
    until = time.monotonic() + deadline
    while found.current().generation == generation and time.monotonic() < until:
        time.sleep(0.02)
    return found.current()


def literals(ruleset: Any) -> set[str]:
    return {literal.text for literal in ruleset.building.plan().literals}


def test_the_set_that_follows_looks_for_what_is_rare_and_finds_the_same(site: Any) -> None:
    found = rules(site)
    before = found.current()
    assert literals(before) == {COMMON}  # a guess: the longer text is the rarer
    events = [event(number) for number in range(50)]
    assert [index for index, _ in before.match(events).hits] == [17]
    study(found)
    after = following(found, before.generation)
    assert after.generation == before.generation + 1
    assert literals(after) == {" 17"}
    assert [index for index, _ in after.match(events).hits] == [17]
    assert time.time() - found.learned("bulk-0") < 600


def test_the_next_start_has_what_was_learned_by_any_partition(site: Any, tmp_path: Path) -> None:
    found = rules(site)
    study(found)
    following(found, 1)
    again = site.load()
    assert literals(again.current()) == {" 17"}
    assert again.learned("bulk-0") is not None
    assert again.learned("trusted-0") is None
    kept = [path for path in (site.settings.data / "cache" / "rules").glob("rarity-*") if path.stat().st_size]
    assert [path.name for path in kept] == ["rarity-bulk-0.msgpack"]
    assert not any(orjson.dumps(event(1))[:40] in path.read_bytes() for path in kept)  # counts, no events


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x81\xa8literals\x01"])
def test_a_damaged_file_of_what_was_learned_is_as_none(site: Any, content: bytes) -> None:
    found = rules(site)
    cache = site.settings.data / "cache" / "rules"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "rarity-bulk-0.msgpack").write_bytes(content)
    assert literals(following(found, 1)) == {COMMON}
