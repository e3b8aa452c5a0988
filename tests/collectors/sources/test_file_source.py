"""Files that grow, move, are copied over and cut off: every line once, and none lost."""

import os
import shutil
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
