"""The same verbs while nothing serves: the command is the program, one at a time, and says for whom it waits."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hinomi.runtime.lock import DataLock, holder

READS = (
    "alert list", "incident list", "approval list", "receipt list", "host list", "host state PC-0101", "playbook list", "run list",
    "rule list", "rule list --packs", "rule stats", "report list", "events search", "source list", "directory show", "key list", "events count",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, worlds: Any) -> Iterator[Any]:
    """An installation, an EDR and a mail server; no `serve`."""
    made = worlds.World(tmp_path_factory.mktemp("alone"))
    made.lay_out(seconds=False)
    try:
        made.mail.start()
        made.start_edr()
        yield made
    finally:
        made.stop()


@pytest.fixture
def ask(world: Any, hinomi: Any) -> Any:
    return lambda *words: hinomi(*words, "--config", str(world.config))


@pytest.mark.parametrize("words", READS)
def test_reading_works_with_nothing_running(ask: Any, words: str) -> None:
    said = ask(*words.split(), "-o", "json")
    assert said.code == 0, said.err
    json.loads(said.out)


def test_isolating_by_hand_is_carried_out_by_the_command_itself(ask: Any, world: Any) -> None:
    said = ask("host", "isolate", "PC-0101", "--reason", "phoned in", "--yes", "-o", "json")
    assert said.code == 0, said.err
    assert "hinomi serve does not run" in said.err
    assert json.loads(said.out)["action"] == "endpoint.isolate"
    assert len(world.isolations()) == 1
    state = json.loads(ask("host", "state", "PC-0101", "-o", "json").out)
    assert (state["state"], bool(state["observed_at"]), bool(state["age"])) == ("isolated", True, True)
    records = json.loads(ask("audit", "list", "-o", "json").out)
    assert next(row for row in records if row["act"] == "host.isolate")["actor"].startswith("local:")
    assert ask("host", "release", "PC-0101", "--reason", "false alarm", "--yes").code == 0
    assert json.loads(ask("host", "state", "PC-0101", "-o", "json").out)["state"] == "released"
    assert ask("audit", "verify").code == 0


def test_a_note_says_nothing_of_effects_it_does_not_have(ask: Any) -> None:
    ask("host", "isolate", "PC-0101", "--reason", "phoned in", "--yes")
    assert ask("incident", "note", "1", "先生から電話があった").err == "noted\n"


def test_another_command_is_waited_for_by_name(ask: Any, world: Any) -> None:
    lock = DataLock(world.config.parent / "data", what="hinomi hosts/PC-0101/isolate")
    threading.Timer(1.5, lock.release).start()
    said = ask("alert", "list")
    assert said.code == 0
    assert f"waiting for hinomi hosts/PC-0101/isolate (process {os.getpid()})" in said.err


def test_readers_do_not_wait_for_each_other_and_an_act_waits_for_them(ask: Any, world: Any) -> None:
    lock = DataLock(world.config.parent / "data", what="a reader", shared=True)
    assert ask("alert", "list").err == ""
    threading.Timer(1.5, lock.release).start()
    said = ask("killswitch", "off", "--reason", "drill")
    assert (said.code, "waiting for another command" in said.err) == (0, True)


def test_who_let_go_of_the_lock_is_forgotten(world: Any) -> None:
    data = world.config.parent / "data"
    with DataLock(data, what="hinomi serve", address="http://127.0.0.1:1"):
        assert holder(data)["what"] == "hinomi serve"
    with DataLock(data, what="reader", shared=True):
        assert holder(data) == {}
    assert not (data / "lock.json").exists()


def test_ctrl_c_ends_with_130(world: Any) -> None:
    command = [sys.executable, "-m", "hinomi", "alert", "list", "--config", str(world.config)]
    with DataLock(world.config.parent / "data", what="hinomi hosts/PC-0101/isolate"):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert "waiting for" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.wait(30)
        rest = process.stderr.read()
        process.stderr.close()
    assert (process.returncode, "Traceback" in rest, "interrupted" in rest) == (130, False, True)


def test_a_reader_that_goes_away_is_no_failure(world: Any) -> None:
    command = f"set -o pipefail; {sys.executable} -m hinomi rule list -o jsonl --config {world.config} | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- init, serve, doctor ----------------------------------------------------------------------------


def test_init_lays_out_what_serve_needs_and_refuses_to_do_it_twice(hinomi: Any, tmp_path: Path) -> None:
    said = hinomi("init", str(tmp_path / "site"))
    assert (said.code, said.out) == (0, "")
    assert "hinomi serve --config" in said.err
    for name in ("hinomi.toml", "data/keys/admin.key"):
        assert stat.S_IMODE((tmp_path / "site" / name).stat().st_mode) == 0o600
    again = hinomi("init", str(tmp_path / "site"))
    assert (again.code, "there is one already" in again.err) == (1, True)


def test_doctor_says_what_is_missing_and_what_to_do(hinomi: Any, tmp_path: Path) -> None:
    hinomi("init", str(tmp_path / "site"))
    said = hinomi("doctor", "--config", str(tmp_path / "site" / "hinomi.toml"), "-o", "json")
    rows = {row["check"]: row for row in json.loads(said.out)}
    assert said.code == 1
    assert (rows["directory"]["ok"], "directory import" in rows["directory"]["remedy"]) == (False, True)
    assert (rows["mail"]["ok"], rows["settings"]["ok"], rows["audit chain"]["ok"]) == (False, True, True)


def test_doctor_goes_on_when_the_server_is_gone(hinomi: Any, world: Any) -> None:
    with DataLock(world.config.parent / "data", what="hinomi serve", address="http://127.0.0.1:1"):
        before = time.monotonic()
        said = hinomi("doctor", "--config", str(world.config), "-o", "json")
    rows = {row["check"]: row for row in json.loads(said.out)}
    assert said.code == 1
    assert "does not answer" in rows["answers"]["found"]
    assert rows["fonts"]["ok"]
    assert time.monotonic() - before >= 4.9  # it may be about to listen: it gets its five seconds


@pytest.mark.parametrize("words", ["serve", "doctor", "alert list"])
def test_every_fault_of_the_settings_is_named_at_once(hinomi: Any, tmp_path: Path, words: str) -> None:
    file = tmp_path / "hinomi.toml"
    file.write_text('colour = "red"\n[api]\nlisten = "nowhere"\n')
    said = hinomi(*words.split(), "--config", str(file))
    assert (said.code, said.out) == (2, "")
    assert f"{file}:1: unknown key colour" in said.err
    assert f"{file}:3: api.listen" in said.err


# --- what needs no installation ---------------------------------------------------------------------


def test_a_format_is_tried_on_a_file_without_any_installation(hinomi: Any, tmp_path: Path, worlds: Any) -> None:
    assert "windows.eventlog" in hinomi("format", "list", "-o", "id").out.split()
    file = tmp_path / "events.ndjson"
    file.write_text(json.dumps(worlds.macro(CommandLine="=成績.exe")) + "\nnot JSON\n")
    said = hinomi("format", "try", "windows.eventlog", str(file))
    documents = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 1
    assert documents[0]["process"]["command_line"] == "=成績.exe"
    assert documents[1]["event"]["dataset"] == "hinomi.unparsed"
    assert "2 records, 1 not taken" in said.err
    first = hinomi("format", "try", "windows.eventlog", str(file), "--limit", "1")
    assert (first.code, len(first.out.splitlines())) == (0, 1)


def test_a_file_that_may_not_be_read_is_named(hinomi: Any, tmp_path: Path) -> None:
    said = hinomi("format", "try", "windows.eventlog", str(tmp_path))
    assert said.code == 2
    assert str(tmp_path) in said.err


def test_rules_are_tried_on_the_samples_beside_them(hinomi: Any, tmp_path: Path) -> None:
    shipped = hinomi("rule", "test", "-o", "json")
    assert shipped.code == 0
    assert {row["ok"] for row in json.loads(shipped.out)} == {True}
    (tmp_path / "broken.yml").write_text("title: x\nlogsource: [\n")
    broken = hinomi("rule", "test", str(tmp_path))
    assert (broken.code, "broken.yml" in broken.out) == (1, True)


# --- the directory ----------------------------------------------------------------------------------


def test_every_fault_of_every_list_is_named_at_once_and_nothing_imported(ask: Any, tmp_path: Path) -> None:
    before = ask("directory", "show", "devices", "-o", "json").out
    (tmp_path / "tenants.csv").write_text("path,name,kind\nkita,北県,prefecture\nkita/aoba,青葉市,school\n")
    (tmp_path / "people.csv").write_text(
        "id,tenant,name,role,mail,mail_off,phone,language,accounts\n"
        "t1,kita/aoba,佐藤,teacher,t1@school.test,,,ja,sato\n"
        "t2,kita/none,鈴木,king,nowhere,,,ja,SATO\n"
    )
    (tmp_path / "devices.csv").write_text(
        "id,tenant,name,asset_no,owner,protected,vendors\nPC-1,kita/aoba,PC-1,,nobody,perhaps,defender\n"
    )
    (tmp_path / "class_rules.csv").write_text('tenant,kind,pattern,class\nkita,name,*,V\nkita,name,"*,I\n')
    for dry in ([], ["--dry-run"]):
        said = ask("directory", "import", str(tmp_path), *dry)
        assert (said.code, said.out) == (2, "")
        for place, what in (
            ("tenants.csv:3", "not a school"), ("people.csv:3", "unknown tenant 'kita/none'"), ("people.csv:3", "unknown role 'king'"),
            ("people.csv:3", "'nowhere' is no address"), ("devices.csv:2", "owner 'nobody'"),
            ("devices.csv:2", "protected 'perhaps'"), ("devices.csv:2", "vendors 'defender'"),
            ("class_rules.csv:2", "unknown class 'V'"), ("class_rules.csv:3", "mend the quotes"),
        ):  # fmt: skip
            assert any(place in line and what in line for line in said.err.splitlines()), f"{place}: {what}\n{said.err}"
        assert "nothing was imported" in said.err
    assert ask("directory", "show", "devices", "-o", "json").out == before


def test_a_folder_without_lists_is_named(ask: Any, tmp_path: Path) -> None:
    said = ask("directory", "import", str(tmp_path / "nowhere"))
    assert (said.code, "no such folder" in said.err) == (2, True)
    empty = ask("directory", "import", str(tmp_path))
    assert (empty.code, empty.err.count("this file is missing")) == (2, 3)
