import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hinomi.errors import FullError
from hinomi.salvage import is_sound, salvage
from hinomi.spool import Entry, Log, load_positions, save_position


def test_numbers_are_never_used_twice_after_the_file_drains(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.db", writable=True)
    first = log.append([Entry("events", b"one", 1)])
    log.trim({"events": first[-1]})
    assert log.append([Entry("events", b"two", 1)])[0] > first[-1]


def test_blocks_and_state_are_one_commit(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.db", writable=True)
    with pytest.raises(TypeError):
        log.append([Entry("events", b"one", 1), Entry("events", "not bytes", 1)], {"cursor": b"1"})  # type: ignore[arg-type]  # the fault
    assert log.read(0) == []
    assert log.state("cursor") is None


def test_a_full_log_refuses_and_recovers_after_trimming(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.db", max_bytes=200_000, writable=True)
    while not log.full:
        log.append([Entry("events", os.urandom(20_000), 1)])
    with pytest.raises(FullError):
        log.append([Entry("events", b"no room", 1)])
    log.trim({"events": log.last()})
    assert log.append([Entry("events", b"again", 1)])


def test_what_was_appended_survives_kill_9(tmp_path: Path) -> None:
    script = (
        "import sys, os, signal; from pathlib import Path; from hinomi.spool import Log, Entry\n"
        f"log = Log(Path({str(tmp_path / 'a.db')!r}), writable=True)\n"
        "for n in range(1000):\n"
        "    log.append([Entry('events', str(n).encode(), 1)], {'n': str(n).encode()})\n"
        "    print(n, flush=True)\n"
        "    if n == 50: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    acknowledged = int(done.stdout.split()[-1])
    log = Log(tmp_path / "a.db")
    kept = [int(row.payload or b"-1") for row in log.read(0, limit=10_000)]
    assert kept == list(range(acknowledged + 1))
    assert log.state("n") == str(acknowledged).encode()


def test_the_smallest_position_counts_and_a_missing_reader_keeps_everything(tmp_path: Path) -> None:
    save_position(tmp_path, "x", "worker", {"events": 9})
    assert load_positions(tmp_path, "x", ["worker", "storer"]) is None
    save_position(tmp_path, "x", "storer", {"events": 4})
    assert load_positions(tmp_path, "x", ["worker", "storer"]) == {"events": 4}


def test_a_reader_that_sees_the_file_sees_all_of_it(tmp_path: Path) -> None:
    for n in range(60):
        path = tmp_path / f"{n}.db"
        maker = threading.Thread(target=lambda path=path: Log(path, writable=True).close())
        maker.start()
        while not path.exists():
            pass
        reader = Log(path)
        maker.join()
        assert reader.id
        reader.close()


def filled(path: Path, blocks: int = 200) -> list[bytes]:
    payloads = [b"%06d " % n + os.urandom(3000) for n in range(1, blocks + 1)]
    log = Log(path, writable=True)
    for start in range(0, blocks, 20):
        log.append([Entry("events", payload, 1) for payload in payloads[start : start + 20]], {"cursor": b"1"})
    log.close()
    return payloads


def test_a_bit_that_flipped_in_a_block_is_noticed_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    payloads = filled(path, 20)
    at = path.read_bytes().index(payloads[9][500:600])
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    rows = Log(path).read(0, limit=100)
    assert [row.payload for row in rows] == [*payloads[:9], None, *payloads[10:]]
    assert Log(path).packed(10)


def damage_zero_page(path: Path) -> None:
    size = path.stat().st_size // 4096
    with path.open("r+b") as file:
        for page in (size // 2, size // 2 + 7):
            file.seek(page * 4096)
            file.write(bytes(4096))


def damage_truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 3 // 4 // 4096 * 4096)


def damage_head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(4096))


def damage_empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    ("damage", "most_lost"), [(damage_zero_page, 10), (damage_truncated, 80), (damage_head, 2), (damage_empty, 200)]
)
def test_a_damaged_file_is_mended_what_can_be_read_comes_once_and_no_number_comes_twice(
    tmp_path: Path, damage: Callable[[Path], None], most_lost: int
) -> None:
    path, positions = tmp_path / "a.db", tmp_path / "pos"
    payloads = filled(path)
    log = Log(path)
    identity = log.id
    log.close()
    save_position(positions, identity, "worker", {"events": 40})
    damage(path)
    assert not is_sound(path)
    found = salvage(path, positions)
    assert is_sound(path)
    assert found.aside.exists()
    log = Log(path, writable=True)
    rows = log.read(0, limit=1000)
    assert all(row.payload in (payloads[row.seq - 1], None) for row in rows)
    assert len([row for row in rows if row.payload]) >= len(payloads) - most_lost
    number = log.append([Entry("events", b"new", 1)])[0]
    assert log.id != identity or number > 200


def test_a_file_that_lost_its_newest_blocks_gives_no_number_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    filled(path, 5)
    log = Log(path, writable=True)
    assert not log.never_below(5)
    assert log.never_below(9)
    assert log.append([Entry("events", b"new", 1)])[0] > 9


def test_state_that_is_not_committed_is_not_seen(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.db", writable=True)
    seen: list[bytes | None] = []

    class Spy(dict[str, bytes]):
        def items(self) -> Any:
            yield "batch", b"1"
            seen.append(log.state("batch"))

    log.append([], Spy(some=b""))
    assert seen == [None]
    assert log.state("batch") == b"1"


def test_writing_trimming_and_looking_at_once_disturb_nobody(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.db", max_bytes=400_000, writable=True)
    faults: list[Exception] = []
    over = threading.Event()

    def again(act: Callable[[], Any]) -> None:
        while not over.is_set():
            try:
                act()
            except Exception as error:  # noqa: BLE001 - shown by the test
                faults.append(error)
                return

    others = [
        threading.Thread(target=again, args=(act,))
        for act in (lambda: log.trim({"events": log.last() - 3}), lambda: log.state("n"), lambda: log.full)
    ]
    for other in others:
        other.start()
    for n in range(300):
        with suppress(FullError):
            log.append([Entry("events", os.urandom(5000), 1)], {"n": str(n).encode()})
    over.set()
    for other in others:
        other.join()
    assert faults == []
