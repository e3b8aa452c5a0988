"""The measurements. Each yields rows (what, value, unit, floor, aim); nothing here is asserted by a test."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.final import builds
from bench.rig import Rig, percentile, rig


class Row(NamedTuple):
    """One figure. ``floor`` and ``aim`` are limits in the same unit; a negative one is a lower limit."""

    what: str
    value: float
    unit: str
    floor: float | None = None
    aim: float | None = None

    def holds(self, limit: float | None) -> str:
        """Say whether a limit is kept."""
        if limit is None:
            return "-"
        return "yes" if (self.value <= limit if limit >= 0 else self.value >= -limit) else "NO"


Options = Mapping[str, Any]


def latency_rows(name: str, found: list[float], floor: float, aims: tuple[float | None, float | None]) -> Iterator[Row]:
    """Yield how many isolations were asked for, and how long that took."""
    yield Row(f"{name}: isolations", sum(v < float("inf") for v in found), f"of {len(found)}")
    yield Row(f"{name}: p50", percentile(found, 0.5), "ms", None, aims[0])
    yield Row(f"{name}: p99", percentile(found, 0.99), "ms", floor, aims[1])
    yield Row(f"{name}: worst", found[-1], "ms")


def _background(r: Rig, seconds: float, rate: int = 1000) -> None:
    r.sender("background", rate, seconds).first("started")
    time.sleep(3)


def latency(o: Options) -> Iterator[Row]:
    """Last byte → isolation request, 1,000 events/s of the same trusted source behind it."""
    with rig(pcs=o["isolations"]) as r:
        r.serve()
        _background(r, o["isolations"] / 4 + 30)
        found = r.latencies(r.attacks(r.pcs, 4.0))
        yield from latency_rows("1,000 events/s behind", found, 1000, (100, None))


def stopped(o: Options) -> Iterator[Row]:
    """The same with the storer stopped (SIGSTOP) all the while."""
    count = min(o["isolations"], int(o["stopped"] * 4))
    with rig(pcs=count) as r:
        r.serve()
        storer = r.role("storer")
        os.kill(storer, signal.SIGSTOP)
        try:
            _background(r, o["stopped"] + 10)
            found = r.latencies(r.attacks(r.pcs, count / o["stopped"]))
        finally:
            os.kill(storer, signal.SIGCONT)
        yield from latency_rows(f"event store stopped for {o['stopped']:.0f} s", found, 2000, (None, 1000))


def backlog(o: Options) -> Iterator[Row]:
    """The same with a backlog in another partition; and the memory meanwhile."""
    count = min(o["isolations"], 100)
    with rig(pcs=count) as r:
        r.serve()
        worker = r.role("worker:bulk-0")
        os.kill(worker, signal.SIGSTOP)
        try:
            sent = r.sender("backlog", 0, 1e6, source="bulk", count=o["backlog"])
            while not any(line["event"] == "ended" for line in sent.lines):
                time.sleep(0.2)
        finally:
            os.kill(worker, signal.SIGCONT)
        most, resident = dict[str, float](), 0.0
        _background(r, count / 4 + 30)
        at = r.attacks(r.pcs, 4.0)
        while True:
            memory = r.memory()
            most, resident = max(most, memory, key=lambda m: sum(m.values())), max(resident, r.resident())
            if waiting(r, "bulk-0", "worker") == 0 and waiting(r, "bulk-0", "storer") == 0:
                break
            time.sleep(0.5)
        found = r.latencies(at)
        yield from latency_rows(f"backlog of {o['backlog']:,} in another partition", found, 2000, (None, 1000))
        yield Row("memory, most, all processes (PSS)", sum(most.values()), "MiB", 1229, 900)
        yield Row("the same, shared pages in each (RSS)", resident, "MiB", 1229, 900)
        for role, size in sorted(most.items()):
            yield Row(f"  {role} (PSS)", size, "MiB")


def waiting(r: Rig, partition: str, reader: str) -> int:
    """Return how many records of a partition's spool a reader has before it."""
    from hinomi.runtime.folders import SPOOL_LANES, Folders
    from hinomi.spool import Log, load_positions

    folders = Folders(r.folder / "data")
    log = Log(folders.spool(partition))
    try:
        at = load_positions(folders.positions, log.id, [reader]) or {}
        return sum(log.waiting(at.get(lane, 0), lane) for lane in SPOOL_LANES)
    finally:
        log.close()


def throughput(o: Options) -> Iterator[Row]:
    """HTTP → spool → parse → enrich → match → lake: the sender waits while more than 60,000 events are not yet stored."""
    with rig(pcs=10) as r:
        r.serve()
        hold = r.folder / "hold"
        sent = r.sender("load", o["rate"], o["seconds"], batch=1000, hold=str(hold))
        sent.first("started")
        start, behind = time.monotonic(), 0
        while not _ended(sent):
            time.sleep(0.2)
            unstored = waiting(r, "trusted-0", "storer")
            behind = max(behind, unstored)
            hold.touch() if unstored > 60_000 else hold.unlink(missing_ok=True)
        while waiting(r, "trusted-0", "storer"):
            time.sleep(0.2)
        took = time.monotonic() - start
        end = _until_ended(sent)
        asked = {"by": ["event.dataset"], "since": "2020-01-01T00:00:00Z"}
        stored = sum(bucket["count"] for bucket in r.api("events/count", asked)["items"])
        yield Row("accepted", end["accepted"], f"events of {end['bytes']} bytes")
        yield Row("stored", stored, "events", -end["accepted"])
        yield Row("first line sent → last line stored", end["accepted"] / took, "events/s", -5000, -12000)
        yield Row("most events not yet stored", behind, "events")
        yield Row("answers 429", end["refused"], "")
        yield Row("memory, all processes", sum(r.memory().values()), "MiB")


NOISY = """
title: Everything that starts
id: 0badcafe-0000-4000-8000-000000000001
status: test
description: Matches every event of the sender.
author: bench
date: 2026-11-24
logsource: {product: windows, service: sysmon}
detection:
  all: {EventID|gte: 0}
  condition: all
level: high
"""


def noisy(o: Options) -> Iterator[Row]:
    """A rule of level high that matches everything, at 2,500 events/s for 60 s."""
    with rig(pcs=10) as r:
        (r.folder / "rules" / "noisy.yml").write_text(NOISY)
        r.config.write_text(r.config.read_text() + '[rules]\nfolders = ["rules"]\n')
        r.serve()
        before = _state_bytes(r)
        sent = r.sender("noise", 2500, o["noisy"])
        sent.first("started")
        time.sleep(o["noisy"] / 2)
        found = r.latencies(r.attacks(r.pcs, 2.0))
        end = _until_ended(sent)
        time.sleep(10)
        left = sum(waiting(r, "trusted-0", reader) for reader in ("worker", "storer"))
        alerts = r.api("alerts?limit=200")["items"]
        yield Row("accepted", end["accepted"], "events")
        yield Row("answers 429", end["refused"], "", 0)
        yield Row("waiting in the spool 10 s after the last line", left, "events", 0)
        yield Row("state store", (_state_bytes(r) - before) / 1e6, "MB more", 50)
        yield Row("alerts shown", len(alerts), "")
        yield from latency_rows("critical in the noise", found, 1000, (None, None))


def _ended(child: Any) -> bool:
    if any(line["event"] == "ended" for line in child.lines):
        return True
    if child.process.poll() is not None:
        time.sleep(0.5)  # its last line may be on the way
        if not any(line["event"] == "ended" for line in child.lines):
            raise SystemExit(f"the sender has died with {child.process.returncode}; its log is beside the rig's")
    return False


def _until_ended(child: Any) -> Any:
    while not _ended(child):
        time.sleep(0.1)
    return next(line for line in child.lines if line["event"] == "ended")


def _state_bytes(r: Rig) -> int:
    path = r.folder / "data" / "state.db"
    with sqlite3.connect(path) as db:
        pages, size, free = (
            db.execute(f"PRAGMA {n}").fetchone()[0] for n in ("page_count", "page_size", "freelist_count")
        )
    return int((pages - free) * size)


def commands(o: Options) -> Iterator[Row]:
    """`hinomi --help`, and `alert list` against a running server: best and middle of runs after the first."""
    hinomi = str(Path(sys.executable).with_name("hinomi"))
    with rig(pcs=40) as r:
        r.serve()
        r.latencies(r.attacks(r.pcs, 10.0))
        python = _times([sys.executable, "-c", "pass"], o["runs"])
        yield Row("python -c pass, for comparison", python, "ms")
        yield Row("hinomi --help", _times([hinomi, "--help"], o["runs"]), "ms", 250, 150)
        yield Row("alert list", _times([hinomi, "--config", str(r.config), "alert", "list"], o["runs"]), "ms", 600, 300)


def _times(command: list[str], runs: int) -> float:
    took = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        took.append((time.perf_counter() - start) * 1000)
    return sorted(took[1:])[runs // 2]


def idle(o: Options) -> Iterator[Row]:
    """`serve` with all the demo's sources and nothing to do."""
    with rig(pcs=10) as r:
        r.serve()
        time.sleep(10)
        before, start = r.cpu(), time.monotonic()
        time.sleep(o["idle"])
        used = (r.cpu() - before) / (time.monotonic() - start) * 100
        yield Row(f"all processes over {o['idle']:.0f} s", used, "% of a core", 2, 1)
        yield Row("memory, all processes", sum(r.memory().values()), "MiB")


def report(o: Options) -> Iterator[Row]:
    """The final report of an incident whose timeline has 2,000 rows."""
    took, pages = builds(2000, 4)
    yield Row(f"2,000 rows, {pages} pages, the first build", took[0], "s", 4, 2.5)
    yield Row("the best of three more", min(took[1:]), "s", 4, 2.5)


MEASURES: dict[str, Callable[[Options], Iterator[Row]]] = {
    "commands": commands, "idle": idle, "report": report, "latency": latency, "noisy": noisy, "throughput": throughput, "backlog": backlog,
    "stopped": stopped,
}  # fmt: skip
