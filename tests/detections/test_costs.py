"""What rules cost is measured on events of their log source, a few rules at a time, and read by whoever asks."""

from pathlib import Path
from typing import Any

from hinomi.detections import costs
from hinomi.detections.costs import MOST_RULES, Costs

BASE = {
    "event.id": "e",
    "@timestamp": "2026-11-24T00:00:00.000000Z",
    "event.dataset": "x.y",
    "event.module": "hinomi",
    "message": "x",
}


def rules(site: Any, count: int, product: str = "hinomi") -> Any:
    texts = [
        f"title: R{n}\nid: r{n}\nlevel: low\nlogsource: {{product: {product}}}\ndetection: {{s: {{message: x}}, condition: s}}\n"
        for n in range(count)
    ]
    site.write("all", *texts)
    return site.load().current()


def test_each_rule_of_the_events_log_source_gets_its_figure(site: Any, tmp_path: Path) -> None:
    ruleset = rules(site, 5)
    measured = Costs(tmp_path / "costs" / "w.json", every=0)
    for _ in range(10):
        measured.look(ruleset, [BASE] * 30)
    found = costs.read(tmp_path / "costs")
    assert set(found) == {f"r{n}" for n in range(5)}
    assert all(mean > 0 and count >= 20 for mean, count in found.values())


def test_it_looks_once_in_a_while_and_a_little_at_a_time(site: Any, tmp_path: Path) -> None:
    ruleset = rules(site, MOST_RULES + 50)
    measured = Costs(tmp_path / "costs" / "w.json", every=3600)
    measured.look(ruleset, [BASE])
    first = costs.read(tmp_path / "costs")
    assert 0 < len(first) <= MOST_RULES
    measured.look(ruleset, [BASE])
    assert costs.read(tmp_path / "costs") == first


def test_a_rule_of_another_log_source_is_not_measured(site: Any, tmp_path: Path) -> None:
    measured = Costs(tmp_path / "costs" / "w.json", every=0)
    measured.look(rules(site, 3, "others"), [BASE])
    assert costs.read(tmp_path / "costs") == {}
