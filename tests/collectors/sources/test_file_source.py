"""Files that grow, move, are copied over and cut off: every line once, and none lost.

Row 12 of the faults: renamed, copied and cut off, cut to something shorter, deleted, an inode used again, a link swapped, a
folder that goes away, moved while nobody looked, smaller than a fingerprint, a torn last line, packed.
"""

import gzip
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def tail(desk: Any) -> Any:
    desk.sources = {"log": {"kind": "file", "path": str(desk.logs / "*.log"), "poll": 0.02}}
    return desk


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %06d\n" % n for n in range(first, last))


def expect(desk: Any, count: int) -> None:
    assert desk.wait(count) == [b"line %06d" % n for n in range(count)]


def test_what_is_there_and_what_is_appended(tail: Any) -> None:
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 100))
    tail.start()
    expect(tail, 100)
    with path.open("ab") as file:
        for n in range(100, 200):
            file.write(b"line %06d\n" % n)
            file.flush()
    expect(tail, 200)


def test_the_past_is_marked_and_what_comes_now_is_not(tail: Any) -> None:
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 10))
    tail.start()
    expect(tail, 10)
    sink = tail.receiver._sink("log")
    import time

    while sink.state("live") is None:
        time.sleep(0.02)
    with path.open("ab") as file:
        file.write(numbered(10, 12))
    expect(tail, 12)
    assert [block.backfill for block in tail.blocks()] == [True, False]


def test_a_torn_last_line_waits_for_its_end(tail: Any) -> None:
    path = tail.logs / "a.log"
    path.write_bytes(b"line 000000\nline 0000")
    tail.start()
    expect(tail, 1)
    with path.open("ab") as file:
        file.write(b"01\n")
    expect(tail, 2)


def test_renamed_and_made_anew(tail: Any) -> None:
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 50))
    tail.start()
    expect(tail, 50)
    old = path.open("ab")
    path.rename(tail.logs / "a.1")  # no longer under the glob; its writer goes on for a while
    old.write(numbered(50, 60))
    old.close()
    tail.wait(60)
    path.write_bytes(numbered(60, 70))
    expect(tail, 70)


def test_renamed_while_nobody_looked(tail: Any) -> None:
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 50))
    tail.start()
    expect(tail, 50)
    tail.stop()
    with path.open("ab") as file:
        file.write(numbered(50, 60))
    path.rename(tail.logs / "b.log")
    path.write_bytes(numbered(60, 70))
    tail.start()
    assert sorted(tail.wait(70)) == [b"line %06d" % n for n in range(70)]


@pytest.mark.parametrize("poll", [0.02, 0.5])  # looked at between the two, and only after both
def test_copied_and_cut_off(tail: Any, poll: float) -> None:
    tail.sources["log"]["poll"] = poll
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 50))
    tail.start()
    expect(tail, 50)
    shutil.copy(path, tail.logs / "copy.log")  # under the glob too: nothing of it comes twice
    os.truncate(path, 0)
    with path.open("ab") as file:
        file.write(numbered(50, 55))
    expect(tail, 55)


def test_cut_off_to_something_longer_than_before(tail: Any) -> None:
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 5))
    tail.start()
    expect(tail, 5)
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(numbered(5, 30))
    expect(tail, 30)


def test_a_restart_goes_on_where_it_was(tail: Any) -> None:
    path = tail.logs / "a.log"
    total = 0
    for _ in range(4):
        with path.open("ab") as file:
            file.write(numbered(total, total + 25))
        total += 25
        tail.start()
        expect(tail, total)
        tail.stop()


def test_csv_in_cp932_with_quoted_line_feeds_and_one_header_a_file(desk: Any) -> None:
    desk.sources = {
        "op": {"kind": "file", "path": str(desk.logs / "*.csv"), "poll": 0.02, "framing": "csv", "encoding": "cp932"}
    }
    path = desk.logs / "a.csv"
    path.write_bytes('時刻,内容\r\n1,"表\r\nソ""―""能"\r\n2,b\r\n'.encode("cp932"))
    desk.start()
    assert desk.wait(2) == ['1,"表\r\nソ""―""能"'.encode("cp932"), b"2,b"]
    assert {block.context for block in desk.blocks()} == {"時刻,内容"}
    desk.stop()
    with path.open("ab") as file:
        file.write(b"3,c\r\n")
    (desk.logs / "b.csv").write_bytes("別の,見出し\r\n4,d\r\n".encode("cp932"))
    desk.start()
    assert desk.wait(4)[2:] == [b"3,c", b"4,d"]
    assert [block.context for block in desk.blocks()][-2:] == ["時刻,内容", "別の,見出し"]


def test_utf16_is_read_by_lines(tail: Any) -> None:
    tail.sources["log"]["encoding"] = "utf-16"
    (tail.logs / "a.log").write_bytes("一行目\r\n二行目\r\n".encode("utf-16"))
    tail.start()
    found = tail.wait(2)
    assert [raw.decode("utf-16-le").strip("\ufeff\r\n") for raw in found] == ["一行目", "二行目"]


def test_a_json_array_is_read_once_it_is_whole(desk: Any) -> None:
    desk.sources = {"a": {"kind": "file", "path": str(desk.logs / "*.json"), "poll": 0.02, "framing": "json_array"}}
    (desk.logs / "x.json").write_bytes(b'[{"a": 1},\n {"a": "]["}]')
    desk.start()
    assert [raw.strip() for raw in desk.wait(2)] == [b'{"a": 1}', b'{"a": "]["}']


def test_a_full_spool_makes_the_file_wait_and_nothing_is_lost(tail: Any) -> None:
    tail.more = {"spool": {"max_bytes": 1 << 20}}
    path = tail.logs / "a.log"
    path.write_bytes(b"".join(os.urandom(600).hex().encode() + b"\n" for _ in range(4000)))
    tail.start()
    import time

    time.sleep(1.5)
    some = len(tail.lines())
    assert some < 4000
    tail.stop()
    tail.more = {}
    tail.start()
    assert tail.wait(4000) == path.read_bytes().splitlines()


def test_a_renamed_file_is_followed_until_its_writer_is_done(tail: Any) -> None:
    tail.sources["log"]["linger"] = 60
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 10))
    tail.start()
    expect(tail, 10)
    writer = path.open("ab")
    tail.wait_turns(6)
    path.rename(tail.logs / "a.1")
    tail.wait_turns(3)  # it has been missed by now
    writer.write(numbered(10, 20))
    writer.close()
    expect(tail, 20)


def test_a_torn_last_line_of_a_deleted_file_is_taken_once_it_is_quiet(tail: Any) -> None:
    tail.sources["log"]["linger"] = 0.1
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 3) + b"line 000003")
    tail.start()
    expect(tail, 3)
    path.unlink()
    expect(tail, 4)


def test_a_path_that_is_not_there_yet_and_folders_that_come_later(desk: Any) -> None:
    desk.sources = {
        "log": {"kind": "file", "path": [str(desk.logs / "*/app*.log"), str(desk.logs / "one.txt")], "poll": 0.02}
    }
    desk.start()
    desk.wait_turns(3)
    (desk.logs / "later").mkdir()
    (desk.logs / "later" / "app-1.log").write_bytes(numbered(0, 5))
    expect(desk, 5)
    (desk.logs / "one.txt").write_bytes(numbered(5, 7))
    expect(desk, 7)


def test_what_is_no_file_or_cannot_be_read_stops_no_other(tail: Any) -> None:
    (tail.logs / "a.log").mkdir()
    (tail.logs / "b.log").symlink_to(tail.logs / "b.log")  # to itself
    (tail.logs / "c.log").symlink_to(tail.logs / "nowhere")
    (tail.logs / "d.log").write_bytes(gzip.compress(numbered(0, 9)))
    (tail.logs / "e.log").write_bytes(numbered(0, 5))
    tail.start()
    expect(tail, 5)
    (tail.logs / "a.log").rmdir()
    (tail.logs / "a.log").write_bytes(numbered(5, 8))
    expect(tail, 8)


def test_a_link_that_is_swapped(tail: Any) -> None:
    (tail.logs / "one").write_bytes(numbered(0, 5))
    (tail.logs / "two").write_bytes(numbered(5, 9))
    (tail.logs / "now.log").symlink_to("one")
    tail.start()
    expect(tail, 5)
    (tail.logs / "next").symlink_to("two")
    (tail.logs / "next").rename(tail.logs / "now.log")
    expect(tail, 9)


def test_rewritten_in_place_to_the_same_size(tail: Any) -> None:
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 5))
    tail.start()
    expect(tail, 5)
    with path.open("r+b") as file:
        file.write(numbered(5, 10))
    expect(tail, 10)


def test_deleted_and_made_again_with_the_same_name_at_once(tail: Any) -> None:
    path = tail.logs / "a.log"
    tail.start()
    for round_ in range(5):
        path.unlink(missing_ok=True)
        path.write_bytes(numbered(round_ * 10, round_ * 10 + 10))
        expect(tail, round_ * 10 + 10)


def test_moved_to_another_folder_by_copy_and_delete(desk: Any) -> None:
    desk.sources = {"log": {"kind": "file", "path": str(desk.logs / "**/*.log"), "poll": 0.02}}
    desk.sources["log"]["path"] = [str(desk.logs / "*.log"), str(desk.logs / "old/*.log")]
    path = desk.logs / "a.log"
    path.write_bytes(numbered(0, 10))
    desk.start()
    expect(desk, 10)
    (desk.logs / "old").mkdir()
    shutil.copy(path, desk.logs / "moving")
    path.unlink()
    (desk.logs / "moving").rename(desk.logs / "old" / "a.log")
    desk.wait_turns(3)
    with (desk.logs / "old" / "a.log").open("ab") as file:
        file.write(numbered(10, 15))
    expect(desk, 15)


def test_rotated_twice_while_nobody_looked(tail: Any) -> None:
    path = tail.logs / "a.log"
    path.write_bytes(numbered(0, 10))
    tail.start()
    expect(tail, 10)
    tail.stop()
    for first, name in ((10, "a.2.log"), (20, "a.1.log")):
        with path.open("ab") as file:
            file.write(numbered(first, first + 10))
        path.rename(tail.logs / name)
    path.write_bytes(numbered(30, 40))
    tail.start()
    assert sorted(tail.wait(40)) == [b"line %06d" % n for n in range(40)]


def test_a_whole_file_is_not_read_again_after_a_restart_but_when_it_is_another(desk: Any) -> None:
    desk.sources = {"a": {"kind": "file", "path": str(desk.logs / "*.json"), "poll": 0.02, "framing": "json_array"}}
    path = desk.logs / "a.json"
    path.write_bytes(b'[{"n":1},{"n":2}]')
    desk.start()
    assert desk.wait(2) == [b'{"n":1}', b'{"n":2}']
    desk.stop()
    desk.start()
    desk.wait_turns(5)
    assert len(desk.lines()) == 2
    path.write_bytes(b'[{"n":3}]')
    assert desk.wait(3)[2:] == [b'{"n":3}']


def test_a_stray_quote_in_a_csv_holds_nobody_up(desk: Any) -> None:
    desk.sources = {"c": {"kind": "file", "path": str(desk.logs / "*.csv"), "poll": 0.02, "framing": "csv"}}
    path = desk.logs / "a.csv"
    path.write_bytes(b'k,v\n1,5" disk\n2,b\n3,"never closed\n' + b"".join(b"%d,x\n" % n for n in range(4, 30_000)))
    desk.start()
    lines = desk.wait(29_999)
    assert lines[:3] == [b'1,5" disk', b"2,b", b'3,"never closed']
    assert lines[-1] == b"29999,x"
    assert len(lines) == 29_999


@pytest.fixture
def mounts() -> Any:
    """Mount a folder over another one, as root; what is left is unmounted."""
    made: list[Path] = []

    def mount(real: Path, at: Path) -> None:
        done = subprocess.run(["mount", "--bind", real, at], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting is refused here: {done.stderr.strip()}")
        made.append(at)

    yield mount
    for at in made:
        subprocess.run(["umount", "-l", at], capture_output=True, check=False)


def test_a_folder_that_is_unmounted_and_comes_back(desk: Any, mounts: Any, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", real], capture_output=True, check=False)
    try:
        mounts(real, desk.logs)
        desk.sources = {"log": {"kind": "file", "path": str(desk.logs / "*.log"), "poll": 0.02, "linger": 0.0}}
        path = real / "a.log"
        path.write_bytes(numbered(0, 10) + b"line 0000")
        desk.start()
        expect(desk, 10)
        subprocess.run(["umount", "-l", desk.logs], check=True)
        desk.wait_turns(5)
        with path.open("ab") as file:
            file.write(b"10\n" + numbered(11, 20))
        mounts(real, desk.logs)
        expect(desk, 20)
    finally:
        subprocess.run(["umount", "-l", real], capture_output=True, check=False)


def test_a_line_without_an_end_is_cut_and_the_stream_goes_on(tail: Any) -> None:
    with (tail.logs / "a.log").open("wb") as file:
        for _ in range(40):
            file.write(b"x" * (1 << 20))
        file.write(b"\nnext\n")
    tail.start()
    lines = tail.wait(4)
    assert [len(line) for line in lines[:3]] == [16 << 20, 16 << 20, 8 << 20]
    assert lines[3] == b"next"
