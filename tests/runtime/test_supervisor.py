"""`serve` under load and under faults: it ends when told to, and starts again who died, without spinning."""

import json
import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from hinomi.salvage import is_sound

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world(world_module: Any, tmp_path: Path) -> Iterator[Any]:
    made = world_module.World(tmp_path)
    made.lay_out(extra="[store]\nflush_seconds = 1.0\n", seconds=False)
    made.mail.start()
    try:
        yield made
    finally:
        made.stop()


def lines_of(batch: int) -> list[dict[str, Any]]:
    return [
        {"EventID": 4624, "Channel": "Security", "Computer": "PC-0101", "Serial": f"serial-{batch:03}-{n:03}x"}
        for n in range(100)
    ]


def serials(world: Any) -> Counter[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = world.call("events/search", {"query": "serial-", "since": "1h", "limit": 1000, "cursor": cursor})
        found += [event.get("winlog.event_data.Serial", "") for event in page.get("items", ())]
        if not (cursor := page.get("cursor")):
            return Counter(found)


def said(world: Any, event: str) -> list[dict[str, Any]]:
    rows = (world.folder / "serve.log").read_text().splitlines()
    found = [json.loads(row) for row in rows if row.startswith("{")]
    return [row for row in found if row["event"] == event]


def children(process: Any) -> dict[str, int]:
    return {child.cmdline()[0].split()[1]: child.pid for child in psutil.Process(process.pid).children()}


def test_sigterm_under_load_ends_cleanly_and_what_was_accepted_is_there_afterwards(
    world: Any, world_module: Any
) -> None:
    process = world.serve()
    accepted: list[int] = []
    over = threading.Event()

    def load(first: int) -> None:
        for batch in range(first, 999, 3):
            try:
                if over.is_set() or world.post(lines_of(batch))[0] != 200:
                    return
            except OSError:
                return
            accepted.append(batch)

    senders = [threading.Thread(target=load, args=(n,)) for n in range(3)]
    for sender in senders:
        sender.start()
    assert world_module.eventually(lambda: len(accepted) >= 20)
    roles = children(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    over.set()
    for sender in senders:
        sender.join()
    assert not any(psutil.pid_exists(pid) for pid in roles.values())
    ends = said(world, "role.end")
    assert {row["role"] for row in ends} == set(roles), "a role was killed instead of ending by itself"
    world.serve()
    wanted = {f"serial-{batch:03}-{n:03}x" for batch in accepted for n in range(100)}
    assert world_module.eventually(lambda: wanted <= set(serials(world)))
    assert max(serials(world).values()) == 1


def test_a_role_that_cannot_live_is_started_again_with_growing_pauses_beside_the_others(
    world: Any, world_module: Any
) -> None:
    lake = world.config.parent / "data" / "lake"
    lake.write_bytes(b"a file where the storer needs a folder")
    process = world.serve()
    assert world_module.eventually(lambda: len(said(world, "serve.role_died")) >= 4, 60)
    assert world.post(lines_of(0))[0] == 200
    died = said(world, "serve.role_died")
    assert {row["died"] for row in died} == {"storer"}
    pauses = [row["again_in"] for row in died]
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 4 * pauses[1] > 0
    lake.unlink()
    assert world_module.eventually(lambda: sum(serials(world).values()) == 100, 60)
    assert process.poll() is None


def test_a_log_damaged_while_serve_runs_is_mended_and_the_rest_is_delivered(world: Any, world_module: Any) -> None:
    eventually = world_module.eventually
    process = world.serve()
    storer = children(process)["storer"]
    os.kill(storer, signal.SIGSTOP)  # so that there is something in the spool
    for batch in range(30):
        assert world.post(lines_of(batch))[0] == 200
    victims = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for victim in victims:
        victim.kill()
    process.wait(60)
    psutil.wait_procs(victims, timeout=60)
    path = world.config.parent / "data" / "spool" / "trusted-0.db"
    damage_a_page_with_blocks(path)
    process = world.serve()
    assert eventually(lambda: world.post(lines_of(900))[0] == 200)
    assert eventually(lambda: f"serial-900-{99:03}x" in serials(world), 60)
    (mended,) = said(world, "serve.log_mended")
    assert mended["file"] == "trusted-0.db"
    assert mended["lost"] > 0
    found = serials(world)  # of the blocks that are lost, some may have been stored before
    assert len(found) >= 100 * (31 - mended["lost"])
    assert max(found.values()) == 1
    assert process.poll() is None


def damage_a_page_with_blocks(path: Path) -> None:
    """Zero the page that a block of the middle lies on."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        (payload,) = db.execute("SELECT payload FROM block ORDER BY seq LIMIT 1 OFFSET 10").fetchone()
    with path.open("r+b") as file:
        page = file.read().index(payload) // 4096
        file.seek(page * 4096)
        file.write(bytes(4096))
    assert not is_sound(path)
