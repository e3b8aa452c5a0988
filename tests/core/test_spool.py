import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hinomi.errors import FullError
from hinomi.spool import Entry, Log, load_positions, save_position


def test_numbers_are_never_used_twice_after_the_file_drains(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.db", writable=True)
    first = log.append([Entry("events", b"one", 1)])
    log.trim({"events": first[-1]})
    assert log.append([Entry("events", b"two", 1)])[0] > first[-1]


def test_blocks_and_state_are_one_commit(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.db", writable=True)
    with pytest.raises(TypeError):
        log.append([Entry("events", b"one", 1), Entry("events", "not bytes", 1)], {"cursor": b"1"})  # type: ignore[arg-type]
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
    kept = [int(row.payload) for row in log.read(0, limit=10_000)]
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
