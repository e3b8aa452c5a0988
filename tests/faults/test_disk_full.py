"""The disk is full while all of `serve` runs: said, nobody ends, nothing accepted is lost, and it goes on with room."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

SAID = {
    "receiver": "spool.not_written",
    "worker:trusted-0": "worker.not_written",
    "storer": "storer.append_failed",
    "responder": "responder.commit_failed",
}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world(world_module: Any, tmp_path: Path) -> Iterator[Any]:
    data = tmp_path / "world" / "site" / "data"
    data.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(data)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is refused here: {done.stderr.strip()}")
    made = world_module.World(tmp_path / "world")
    try:
        made.lay_out(extra="[store]\nflush_seconds = 1.0\n")
        made.activate()
        made.start()
        yield made
    finally:
        made.stop()
        subprocess.run(["umount", "-l", str(data)], capture_output=True, check=False)


class Disk:
    """What is left of the disk, taken by a file."""

    def __init__(self, data: Path):
        self.filler = data / "filler"

    def fill(self) -> None:
        with self.filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        with self.filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(512))

    def free(self) -> None:
        self.filler.unlink()


def processes(world: Any) -> dict[str, psutil.Process]:
    serve = next(p for p in world.processes if "serve" in p.args)
    return {child.cmdline()[0].split()[1]: child for child in psutil.Process(serve.pid).children()}


def said(world: Any, event: str) -> bool:
    return f'"event": "{event}"' in (world.folder / "serve.log").read_text()


def lines_of(world_module: Any, first: int, count: int, host: str | None = None) -> list[dict[str, Any]]:
    """Return lines that a critical rule matches, on many unknown hosts (or one that is known), large enough to need room."""
    return [
        world_module.macro(host=host or f"PC-X{n:04}", Serial=f"serial-{n:05}x", Filler=os.urandom(3000).hex())
        for n in range(first, first + count)
    ]


def serials(world: Any) -> Counter[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = world.call("events/search", {"query": "serial-0", "since": "1h", "limit": 1000, "cursor": cursor})
        found += [event.get("winlog.event_data.Serial", "") for event in page.get("items", ())]
        cursor = page.get("cursor")
        if not cursor:
            return Counter(found)


@pytest.mark.parametrize("role", list(SAID))
def test_a_full_disk_is_said_and_nothing_is_lost(world: Any, world_module: Any, role: str) -> None:
    eventually = world_module.eventually
    disk = Disk(world.config.parent / "data")
    assert eventually(lambda: world.post(lines_of(world_module, 0, 10))[0] == 200)
    assert eventually(lambda: len(serials(world)) == 10, pause=0.5)
    before = processes(world)
    accepted = 10
    if role == "receiver":
        disk.fill()
    else:  # what it is to write next is there when the disk fills
        before[role].send_signal(signal.SIGSTOP)
        try:
            assert world.post(lines_of(world_module, accepted, 150))[0] == 200
            assert world.post(lines_of(world_module, accepted + 150, 1, host="PC-0101"))[0] == 200
            accepted += 151
            if role == "responder":
                assert eventually(lambda: len(serials(world)) == accepted, pause=0.5)
            disk.fill()
        finally:
            before[role].send_signal(signal.SIGCONT)
    assert eventually(lambda: refused_or_taken(world, world_module, role) and said(world, SAID[role]), 60)
    assert said(world, SAID[role])
    disk.free()
    batch = lines_of(world_module, accepted, 5)
    if role == "receiver":
        batch.append(*lines_of(world_module, accepted + 5, 1, host="PC-0101"))
    assert eventually(lambda: world.post(batch, **{"Hinomi-Batch": "after"})[0] == 200, 60)
    accepted += len(batch)
    all_of_them = set(range(accepted))
    assert eventually(lambda: all_of_them <= numbers(world), 60, pause=0.5), sorted(all_of_them - numbers(world))
    found = serials(world)
    assert max(found.values()) == 1
    assert eventually(lambda: world.call("hosts/PC-0101").get("state") == "isolated", 60)
    assert len(world.isolations()) == 1
    assert world.call("audit/verify")["ok"]
    after = processes(world)
    assert {name: process.pid for name, process in after.items()} == {n: p.pid for n, p in before.items()}
    assert not said(world, "serve.role_died"), "somebody ended"


def numbers(world: Any) -> set[int]:
    return {int(name[7:12]) for name in serials(world) if name.startswith("serial-")}


def refused_or_taken(world: Any, world_module: Any, role: str) -> bool:
    """Knock at the door, twice a second: an answer comes at once, and what it takes counts (numbers above those expected)."""
    time.sleep(0.5)
    status, _ = world.post(lines_of(world_module, 90_000, 1))
    assert status in (200, 429)
    return status == 429 if role == "receiver" else True
