"""kill -9 of the storer on a real node of Elasticsearch: after its bulk request, before its position; nothing is lost or doubled."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from hinomi.clock import micros
from hinomi.event import Block
from hinomi.events import Query, open_store
from hinomi.events.query import parse
from hinomi.runtime.folders import LIVE, Folders
from hinomi.runtime.parts import build_core
from hinomi.runtime.worker import Worker
from hinomi.settings import Settings
from hinomi.spool import Entry, Log
from hinomi.tenancy import Grant

pytestmark = pytest.mark.timeout(300)  # the first test that asks for it waits for a server to start

#: A storer as its role makes it, until all that is detected is stored.
STORER = """
import json, sys
from hinomi.events import open_store
from hinomi.runtime.failpoint import hit
from hinomi.runtime.storer import Storer
from hinomi.settings import Settings
from hinomi.state import State

settings = Settings.model_validate(json.loads(sys.argv[1]))
store = open_store(settings, writable=True, fields=frozenset())
store.failpoint = hit
storer = Storer(settings, ["bulk-0"], State(settings.state_url), store)
while storer.step():
    pass
storer.close()
"""
BLOCKS, LINES = 40, 5


def spooled(settings: Settings) -> None:
    """Fill a spool, and have its worker look at all of it."""
    core = build_core(settings)
    spool = Log(Folders(settings.data).spool("bulk-0"), writable=True)
    for block in range(BLOCKS):
        numbers = range(block * LINES, (block + 1) * LINES)
        raws = [
            orjson.dumps({"@timestamp": "2026-11-24T00:00:00Z", "event.dataset": "hinomi.test", "message": f"line {n}"})
            for n in numbers
        ]
        body = Block("s", micros(), [f"x:{n}" for n in numbers], raws)
        spool.append([Entry(LIVE, msgspec.msgpack.encode(body), LINES)])
    worker = Worker(settings, "bulk-0", core.state)
    while worker.step():
        pass
    worker._commit([])
    for log in (spool, worker.spool, worker.hits):
        log.close()
    core.state.close()


@pytest.mark.parametrize("point", ["elasticsearch.after_events:2", "storer.after_append:2"])
def test_a_storer_that_is_killed_before_its_position_loses_and_doubles_nothing(
    elasticsearch: Any, tmp_path: Path, point: str
) -> None:
    settings = elasticsearch.settings(tmp_path / "data", flush_events=50)
    more = {"rules": {"shipped": False}, "sources": {"s": {"kind": "file", "formats": ["ecs.document"]}}}
    table = {"data": str(settings.data), "store": settings.store.model_dump(mode="json"), **more}
    spooled(Settings.model_validate(table))
    flag = tmp_path / "killed"

    def store() -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HINOMI_FAIL": f"{point}:{flag}"}
        command = [sys.executable, "-c", STORER, json.dumps(table)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    killed = store()
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert flag.exists()
    stored = open_store(Settings.model_validate(table))
    assert elasticsearch.http.post(f"/logs-{settings.store.prefix}.events-default/_rollover").status_code == 200
    after = store()
    assert after.returncode == 0, after.stderr
    who = Grant("t", "", frozenset({"read"}))
    asked = Query(who, "2026-11-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z", parse(""))
    found = Counter(event["message"] for batch in stored.scan(asked) for event in batch)
    assert found == Counter({f"line {n}": 1 for n in range(BLOCKS * LINES)})
    stored.close()
