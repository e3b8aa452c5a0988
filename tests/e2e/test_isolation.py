"""One log line, and the PC is off the network: through the real processes, over real sockets."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _world_module() -> Any:
    spec = importlib.util.spec_from_file_location("hinomi_test_world", Path(__file__).with_name("world.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


world_module = _world_module()
eventually, macro = world_module.eventually, world_module.macro


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = world_module.World(tmp_path_factory.mktemp("world"))
    made.lay_out()
    made.activate()
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_a_critical_line_isolates_once_and_people_are_told(world: Any) -> None:
    status, answer = world.post([macro()])
    assert (status, answer) == (200, {"accepted": 1})
    assert eventually(world.isolations)
    assert eventually(lambda: world.call("hosts/PC-0101")["state"] == "isolated")
    assert eventually(lambda: world.mailbox.find("t1@phone.test", "isolation_notice"))
    assert eventually(lambda: world.mailbox.find("o1@soc.test", "decision_request"))
    world.post([macro(ProcessId=77)])
    run = world.call("runs")["items"][0]["id"]
    assert world.call(f"runs/{run}")["steps"][0]["state"] == "verified"
    assert len(world.isolations()) == 1


def test_a_protected_device_is_never_cut_off_by_itself(world: Any) -> None:
    world.post([macro(host="PC-0102")])
    waits = eventually(lambda: [w for w in world.call("approvals")["items"] if "保護対象" in w["text"]])
    assert waits
    assert not [entry for entry in world.isolations() if "b" * 40 in entry["path"]]
    assert eventually(lambda: world.mailbox.find("o2@soc.test", "isolation_failed"))


def test_an_old_line_waits_for_an_approval(world: Any) -> None:
    before = len(world.isolations())
    world.post([macro(when="2026-11-01 01:00:00.000", ProcessId=5)])
    assert eventually(lambda: [a for a in world.call("alerts")["items"] if a["first_seen"].startswith("2026-11-01")])
    assert len(world.isolations()) == before


def test_a_file_on_a_stick_is_an_incident_and_the_auditor_finds_it(world: Any) -> None:
    folder = world.config.parent / "oplog"
    folder.mkdir(exist_ok=True)
    cells = [""] * 91
    for place, text in {0: "PC-0101", 2: "PC-0101", 5: "sato", 8: "ファイル操作", 17: "ファイルコピー", 19: "C:\\校務\\成績一覧.xlsx",
                        21: "USBメモリ", 24: "USB-7", 25: "E:\\成績一覧.xlsx", 38: "USB", 82: "120000"}.items():  # fmt: skip
        cells[place] = text
    header = ",".join(f"c{n}" for n in range(91))
    file = folder / "op.csv"
    file.write_bytes(f"{header}\r\n".encode("cp932"))
    cells[7] = world_module.time.strftime(
        "%Y/%m/%d %H:%M:%S", world_module.time.gmtime(world_module.time.time() + 9 * 3600)
    )
    with file.open("ab") as stream:
        stream.write((",".join(cells) + "\r\n").encode("cp932"))
    found = eventually(lambda: [i for i in world.call("incidents")["items"] if i["category"] == "data_egress"])
    assert found
    assert (found[0]["severity"], found[0]["cause"]) == ("high", "internal")
    rows = eventually(lambda: world.call("audit/query", {"file": "成績一覧"})["items"], 20)
    assert [(row["user"], row["channel"], row["class"], row["destination"]) for row in rows] == [
        ("t1", "usb", "II", "USB-7")
    ]
    assert world.call("audit/verify")["ok"]


def test_what_has_no_key_is_refused(world: Any) -> None:
    url = f"http://127.0.0.1:{world.ingest}/v1/events/winlog"
    assert world.send(url, b"{}", {})[0] == 401
    assert world.send(url, b"{}", {"Authorization": "Bearer nonsense"})[0] == 401
    assert world.send(f"http://127.0.0.1:{world.api}/api/v1/alerts", None, {})[0] == 401
    assert world.send(f"http://127.0.0.1:{world.api}/api/v1/health", None, {})[0] == 200


def test_a_hunt_finds_it_in_the_store_and_its_alerts_contain_nothing(world: Any) -> None:
    config = ("--config", str(world.config))
    old = macro(host="PC-0102", when="2026-11-20 01:02:03.000", ProcessId=99)
    assert world.post([old], **{"Hinomi-Backfill": "true"})[0] == 200
    rule = "6f0d7c1e-5a0a-4c0b-9a53-6a7f2f6e1b01"
    hunted = (*config, "hunt", rule, "--since", "2026-11-19", "--until", "2026-11-21", "-o", "jsonl")
    found = eventually(lambda: world.hinomi(*hunted))
    assert [json.loads(line)["timestamp"] for line in found.splitlines()] == ["2026-11-20T01:02:03.000000Z"]
    before, runs = len(world.isolations()), len(world.call("runs")["items"])
    world.hinomi(*hunted, "--raise", "--reason", "looking back")
    assert (len(world.isolations()), len(world.call("runs")["items"])) == (before, runs)
    assert "no rule is called" in world.call("hunts", {"rules": ["never heard of"]})["title"]


def test_without_a_server_the_same_hunt_answers(world: Any) -> None:
    serve = world.processes[-1]
    serve.terminate()
    serve.wait(30)
    rule = "00000000"
    failed = world.hinomi("--config", str(world.config), "hunt", rule, code=2)
    assert failed == ""
    found = world.hinomi(
        "--config", str(world.config), "hunt", "--all", "--since", "2026-11-19", "--until", "2026-11-21", "-o", "jsonl"
    )
    assert len({json.loads(line)["event_id"] for line in found.splitlines()}) == 1
