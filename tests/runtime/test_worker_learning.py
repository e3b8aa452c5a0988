"""A worker learns what is rare from its own events, and goes on with the set that looks for it."""

import time
from pathlib import Path

import msgspec
import orjson

from hinomi.clock import micros
from hinomi.detections.engine.ruleset import CompiledRules
from hinomi.detections.learning import Sample
from hinomi.event import Block
from hinomi.runtime.folders import LIVE, Folders
from hinomi.runtime.parts import build_core
from hinomi.runtime.worker import Worker
from hinomi.settings import Rules, Settings, SourceSettings
from hinomi.spool import Entry, Log

RULE = """
title: Rare end
id: rare
level: low
logsource: {product: hinomi}
detection: {a: {message|contains: the quick brown fox}, b: {message|endswith: ' 17'}, condition: a and b}
"""


def block(first: int) -> Entry:
    lines = [
        orjson.dumps({
            "@timestamp": "2026-11-24T00:00:00Z", "event.module": "hinomi", "event.dataset": "hinomi.test",
            "message": f"the quick brown fox {number}",
        })
        for number in range(first, first + 50)
    ]  # fmt: skip
    body = Block("s", micros(), [f"x:{first + n}" for n in range(50)], lines)
    return Entry(LIVE, msgspec.msgpack.encode(body), len(lines))


def test_a_worker_learns_beside_its_work_and_loses_no_hit(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rare.yml").write_text(RULE)
    settings = Settings(
        data=tmp_path / "data",
        rules=Rules(shipped=False, folders=(tmp_path / "rules",), reload_seconds=0.01),
        sources={"s": SourceSettings(kind="file", formats=("ecs.document",))},
    )
    core = build_core(settings)
    spool = Log(Folders(settings.data).spool("bulk-0"), writable=True)
    worker = Worker(settings, "bulk-0", core.state)
    worker.sample = Sample(every=0, enough=100)
    first = worker.rules.current()
    blocks, until = 0, time.monotonic() + 60
    while worker.rules.current().generation == first.generation and time.monotonic() < until:
        spool.append([block(0)])
        blocks += 1
        worker.step()
        time.sleep(0.01)
    spool.append([block(0)])
    worker.step()
    rules = worker.rules.current()
    assert isinstance(rules, CompiledRules)
    assert {literal.text for literal in rules.building.plan().literals} == {" 17"}
    assert sum(row.records for row in worker.hits.read(0, lane="rest", limit=10_000)) == blocks + 1
    worker.close()
    spool.close()
    core.state.close()
