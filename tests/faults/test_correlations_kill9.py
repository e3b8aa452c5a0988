"""kill -9 of the responder in the middle of a correlation: what fires is what fires without it, once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

#: A responder that takes one hit a commit, then lets a day pass; it prints the alerts as the state store has them.
PROGRAM = """
import json, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlalchemy import select
from hinomi import hits as hits_module
from hinomi.clock import FakeClock, iso
from hinomi.detections import load
from hinomi.hits import Hit
from hinomi.runtime import responder as module
from hinomi.runtime.folders import Folders
from hinomi.runtime.parts import build_core
from hinomi.settings import Rules, Settings
from hinomi.spool import Entry, Log
from hinomi.state import t

data, rules, fill = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ["fill"]
module.BATCH_HITS, module.REST_EVERY, module.RIPEN_EVERY = 1, 0.0, 0.0
settings = Settings(data=data, rules=Rules(shipped=False, folders=(rules,)))
core, loaded = build_core(settings), load(settings)
start = datetime(2026, 11, 24, tzinfo=UTC)
if fill:
    log = Log(Folders(data).hits("bulk-0"), writable=True)
    infos = {info.title: info for info in loaded.current().rules.values()}
    for number in range(24):
        moment = iso(start + timedelta(minutes=number))
        hit = Hit(rule=infos["a" if number % 4 else "b"], generation=1, event_id=f"e{number}", time=moment, received=moment, tenant="k",
                  source="s", entity=f"user:u{number % 2}", fields={"user.name": f"u{number % 2}"})
        log.append([Entry("rest", hits_module.encode([hit]), 1)], {})
    log.close()
clock = FakeClock(start + timedelta(minutes=24))
taker = module.Responder(settings, ["bulk-0"], core.state, loaded, core.engine, clock)
last = taker._reader("bulk-0").log.last()
while taker._reader("bulk-0").position["rest"] < last:
    taker.take()
clock.advance(days=1)
taker.take()
with core.state.read() as conn:
    rows = conn.execute(select(t.alert.c.title, t.alert.c.entity, t.alert.c.count, t.alert.c.event_ids).order_by(t.alert.c.title, t.alert.c.entity))
    alerts = [[row.title, row.entity, row.count, sorted(row.event_ids)] for row in rows.all()]
    entries = conn.execute(select(t.correlation_entry.c.rule_id, t.correlation_entry.c.event_id)).all()
print(json.dumps({"alerts": alerts, "entries": len(entries), "different": len(set(entries))}))
"""
BASE = """
title: {name}
id: 00000000-0000-4000-8000-00000000000{name}
name: {name}
level: low
logsource: {{product: hinomi}}
detection: {{s: {{message: {name}}}, condition: s}}
"""
CORRELATION = """
title: {title}
id: 00000000-0000-4000-8000-0000000000{number}
name: {title}
level: medium
correlation: {body}
"""
BODIES = [
    ("many", 11, "{type: event_count, rules: [a], group-by: [user.name], timespan: 8m, condition: {gte: 3}}"),
    ("lonely", 12, "{type: temporal, rules: [a, b], group-by: [user.name], timespan: 1m, condition: a and not b}"),
    ("outer", 13, "{type: temporal_ordered, rules: [many, b], group-by: [user.name], timespan: 30m}"),
]


def run(folder: Path, *fill: str, **environment: str) -> subprocess.CompletedProcess[str]:
    rules = folder / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    documents = [BASE.format(name=name) for name in "ab"]
    documents += [CORRELATION.format(title=title, number=number, body=body) for title, number, body in BODIES]
    (rules / "all.yml").write_text("---".join(documents))
    command = [sys.executable, "-c", PROGRAM, str(folder / "data"), str(rules), *fill]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


def said(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = said(run(tmp_path_factory.mktemp("undisturbed"), "fill"))
    assert {alert[0] for alert in found["alerts"]} == {"lonely", "outer"}  # many is inside outer
    assert found["entries"] == found["different"] > 0
    return found


@pytest.mark.parametrize("point", ["responder.before_commit:9", "responder.in_commit:9", "responder.after_commit:9", "responder.in_commit:20"])  # fmt: skip
def test_a_kill_in_the_middle_changes_nothing(tmp_path: Path, undisturbed: Any, point: str) -> None:
    flag = tmp_path / "killed"
    killed = run(tmp_path, "fill", HINOMI_FAIL=f"{point}:{flag}")
    assert killed.returncode == -signal.SIGKILL
    assert flag.exists()
    assert said(run(tmp_path)) == undisturbed
