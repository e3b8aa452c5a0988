"""How long `hinomi detect` takes to begin, and what a second process brings."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

EVENT = '{"@timestamp":"2026-11-21T00:00:00Z","event.dataset":"windows.sysmon_operational","event.code":"1"}\n'


def start(rules: Path, folder: Path, runs: int) -> dict[str, Any]:
    """Return how long `detect` over one event takes with rules that are kept already, beside ``--version``."""
    file = folder / "one.ndjson"
    file.write_text(EVENT)
    detect = ["detect", str(file), "--rules", str(rules), "-o", "jsonl"]
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its modules compiled
    first = _run(detect, environment)
    _run(["--version"], environment)
    pairs = [(_run(detect, environment), _run(["--version"], environment)) for _ in range(runs)]
    cpu, wall = (
        [min(pair[which][place] for pair in pairs) * 1e3 for which in (0, 1)] for place in (0, 1)
    )  # of each the quickest: what is slower was disturbed
    return {
        "first_cpu_ms": round(first[0] * 1e3),
        "second_cpu_ms": round(cpu[0]),
        "version_cpu_ms": round(cpu[1]),
        "over_version_cpu_ms": round(cpu[0] - cpu[1]),
        "over_version_wall_ms": round(wall[0] - wall[1]),
    }


def _run(arguments: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return (CPU, wall) seconds of a command, its children's too."""
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", "from hinomi.cli.main import main; raise SystemExit(main())", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = getrusage(RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.perf_counter() - began


def both(rules: Path, data: Path, lines: Path, runs: int) -> dict[str, Any]:
    """Return the rate of two processes at once over that of one, turn about; by CPU time, and by the clock on the wall."""
    children = [_child(rules, data, lines) for _ in range(2)]
    try:
        alone, together = [], []
        for _ in range(runs):
            alone += _passes(children[:1])
            together.append(_passes(children))
    finally:
        for child in children:
            child.stdin.close()
            child.wait()
    found = {}
    for name, place in (("cpu", 0), ("wall", 1)):
        one = min(took[place] for took in alone)
        found[f"ratio_{name}"] = round(max(sum(one / took[place] for took in pair) for pair in together), 3)
    return found


def _child(rules: Path, data: Path, lines: Path) -> Any:
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.matching", rules, data, lines, "--wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    if child.stdout.readline() != "ready\n":
        raise SystemExit("a process that matches did not begin")
    return child


def _passes(children: Sequence[Any]) -> list[list[float]]:
    for child in children:
        child.stdin.write("pass\n")
        child.stdin.flush()
    return [json.loads(child.stdout.readline()) for child in children]
