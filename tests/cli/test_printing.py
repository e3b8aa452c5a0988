"""What is printed: data that programs can read, Japanese that is never cut off, nothing that a log line can abuse."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from hinomi.cli.output import say, show, show_one

LONG = "隠されたPowerShellが外部のプログラムを取り込んで実行した" * 6
Printed = tuple[str, str]


def printed(act: Callable[[], None]) -> Printed:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        act()
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    "risky", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠x", "\t=1", "\r=1", "\n=1"]
)
def test_no_csv_cell_is_taken_for_a_formula(risky: str) -> None:
    out, _ = printed(lambda: show([{"a": risky, "b": "成績"}], ("a", "b"), "csv"))
    assert out.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(out[1:], newline="")))
    assert rows == [["a", "b"], ["'" + risky, "成績"]]


def test_a_csv_has_the_columns_named_whatever_the_rows_hold() -> None:
    out, _ = printed(lambda: show([{"b": None, "z": 1}, {"a": [1, "x"], "b": True}], ("a", "b"), "csv"))
    assert list(csv.reader(io.StringIO(out[1:]))) == [["a", "b"], ["", ""], ["1 x", "yes"]]
    out, _ = printed(lambda: show([], ("a", "b"), "csv"))
    assert out[1:].split() == ["a,b"]


def test_a_long_japanese_sentence_folds_and_is_whole() -> None:
    out, _ = printed(lambda: show([{"number": 1, "title": LONG}], ("number", "title"), "table"))
    assert "".join(out.split()).replace("numbertitle1", "") == LONG
    out, _ = printed(lambda: show_one({"title": LONG}, "table"))
    assert "".join(out.split()).removeprefix("title") == LONG


def test_a_log_line_cannot_move_the_cursor() -> None:
    evil = "a\x1b[2Jb\x07\x9b31m\u202ec\ud800"
    for act in (lambda: show([{"text": evil}], ("text",), "table"), lambda: show_one({"text": evil}, "table")):
        out, _ = printed(act)
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(printed(lambda: say(evil))[1])
    out, _ = printed(lambda: show([{"text": evil}], ("text",), "json"))
    assert json.loads(out) == [{"text": evil}]
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)


def test_a_full_width_blank_is_printed_as_it_is() -> None:
    for act in (
        lambda: show([{"name": "佐藤　花"}], ("name",), "table"),
        lambda: show_one({"name": "佐藤　花"}, "table"),
    ):
        assert "佐藤　花" in printed(act)[0]


def test_one_thing_is_printed_in_every_format() -> None:
    row = {"id": "a1", "number": 7, "at": "2026-11-24T01:00:00.000000Z", "rows": [{"x": 1}]}
    assert json.loads(printed(lambda: show_one(row, "json"))[0]) == row
    assert printed(lambda: show_one(row, "jsonl"))[0].count("\n") == 1
    assert printed(lambda: show_one(row, "id"))[0] == "7\n"
    assert printed(lambda: show_one(row, "csv"))[0].splitlines()[0] == "\ufeffid,number,at,rows"
    assert "2026-11-24 10:00:00 JST" in printed(lambda: show_one(row, "table"))[0]


def test_a_terminal_without_unicode_still_gets_its_answer(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "hinomi", "format", "list"]
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    assert done.returncode == 0
    assert b"skysea.operation" in done.stdout


def test_colours_are_for_terminals_that_want_them(on_terminal: Any) -> None:
    code, seen = on_terminal("", "format", "list")
    assert (code, "\x1b[" in seen) == (0, True)
    _, seen = on_terminal("", "format", "list", env={"TERM": "dumb"})
    assert "\x1b[" not in seen
    _, seen = on_terminal("", "format", "list", env={"NO_COLOR": "1"})
    assert "\x1b[3" not in seen


def test_a_narrow_terminal_leaves_columns_out_and_says_so(on_terminal: Any) -> None:
    _, seen = on_terminal("", "rule", "test", columns=30)
    assert "left out for want of room" in seen
    _, seen = on_terminal("", "rule", "test", "-o", "csv", columns=30)
    assert "rule,sample,wanted,ok,why" in seen
