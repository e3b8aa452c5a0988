"""kill -9 at named points of the flow: nothing accepted is lost or doubled, one isolation, the run goes on."""

import importlib.util
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest


def _world_module() -> Any:
    spec = importlib.util.spec_from_file_location("hinomi_test_world", Path(__file__).parents[1] / "e2e" / "world.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


world_module = _world_module()
eventually, macro = world_module.eventually, world_module.macro

POINTS = [
    "receiver.before_commit:3", "receiver.after_commit:3", "receiver.before_ack:3", "worker.before_commit", "worker.after_commit",
    "responder.before_commit", "responder.in_commit", "responder.after_commit", "effect.before_send", "effect.after_send",
    "effect.after_accept", "message.after_send", "storer.after_append", "lake.after_egress", "lake.after_events",
]  # fmt: skip
RANDOM = ["one", "one", "one", "all", "all"]
EVENTS, BATCH = 500, 25


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = world_module.World(tmp_path_factory.mktemp("kill9"))
    count = len(POINTS) + len(RANDOM)
    devices = "id,tenant,name,asset_no,owner,protected,vendors\n" + "".join(
        f"PC-{n:04},kita/aoba/higashi-es,PC-{n:04},A-{n:04},t1,no,defender={n:040x}\n" for n in range(1, count + 1)
    )
    guards = "[guards]\nschool_per_hour = 1000\nmunicipality_per_hour = 1000\n[store]\nflush_seconds = 1.0\n"
    made.lay_out(extra=guards, devices=devices)
    made.activate()
    made.mail.start()
    made.start_edr()
    try:
        yield made
    finally:
        made.stop()


def send(world: Any, number: int, *, middle: Any = None) -> None:
    """Send 500 numbered lines in named batches, each until it is taken; the macro is in the tenth batch."""
    lines = [
        {"EventID": 4624, "Channel": "Security", "Computer": f"PC-{number:04}", "TargetUserName": "sato", "Serial": f"serial-{number:02}-{n:03}x",
         "TimeCreated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        for n in range(EVENTS)
    ]  # fmt: skip
    lines[250] = macro(host=f"PC-{number:04}", Serial=f"serial-{number:02}-250x")
    for start in range(0, EVENTS, BATCH):
        if middle and start == EVENTS // 2 + BATCH:
            middle()
        assert eventually(lambda s=start: _taken(world, lines[s : s + BATCH], f"{number}-{s}"), 30), (
            "a batch was never taken"
        )


def _taken(world: Any, lines: list[dict[str, Any]], batch: str) -> bool:
    try:
        status, _ = world.post(lines, **{"Hinomi-Batch": batch})
    except OSError:
        return False
    return bool(status == 200)


def serials(world: Any, number: int) -> Counter[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = world.call(
            "events/search", {"query": f"serial-{number:02}-", "since": "1h", "limit": 1000, "cursor": cursor}
        )
        found += [event.get("winlog.event_data.Serial", "") for event in page.get("items", ())]
        cursor = page.get("cursor")
        if not cursor:
            return Counter(found)


def whole(world: Any, number: int) -> None:
    wanted = Counter({f"serial-{number:02}-{n:03}x": 1 for n in range(EVENTS)})
    assert eventually(lambda: serials(world, number) == wanted, 30), (
        wanted - serials(world, number),
        serials(world, number) - wanted,
    )
    machine = f"{number:040x}"
    assert eventually(lambda: world.call(f"hosts/PC-{number:04}").get("state") == "isolated", 30)
    actions = [a for a in world.steer_edr("state")["actions"] if a["machineId"] == machine]
    assert [(a["type"], a["status"]) for a in actions] == [("Isolate", "Succeeded")]
    assert eventually(lambda: world.call("incidents").get("items"))
    incidents = [i for i in world.call("incidents")["items"] if i["host"] == f"PC-{number:04}"]
    assert len(incidents) == 1
    run = world.call(f"runs?incident={incidents[0]['number']}")["items"]
    assert len(run) == 1
    assert eventually(
        lambda: (
            {"isolate", "tell_teacher", "confirm"} <= {s["name"] for s in world.call(f"runs/{run[0]['id']}")["steps"]}
        )
    )
    assert world.call("audit/verify")["ok"]


def end(process: Any) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(30)


@pytest.mark.parametrize(("number", "point"), list(enumerate(POINTS, 1)), ids=POINTS)
def test_a_kill_at_a_named_point(world: Any, number: int, point: str, tmp_path: Path) -> None:
    name, _, count = point.partition(":")
    flag = tmp_path / "killed"
    process = world.serve(env={"HINOMI_FAIL": f"{name}:{count or 1}:{flag}"})
    try:
        send(world, number)
        whole(world, number)
        assert flag.exists(), "the point was never reached"
    finally:
        end(process)


@pytest.mark.parametrize(
    ("number", "who"), list(enumerate(RANDOM, len(POINTS) + 1)), ids=[f"{n}-{w}" for n, w in enumerate(RANDOM)]
)
def test_a_kill_at_a_random_moment(world: Any, number: int, who: str) -> None:
    chance = random.Random(number)
    process = world.serve()
    running, struck = [process], set[int]()

    def serving() -> set[int]:
        return {running[0].pid, *(child.pid for child in psutil.Process(running[0].pid).children(recursive=True))}

    def strike() -> None:
        children = psutil.Process(running[0].pid).children(recursive=True)
        time.sleep(chance.random() * 0.3)
        if who == "one":
            victim = chance.choice(children)
            victim.kill()
            struck.add(victim.pid)
        else:
            for victim in [psutil.Process(running[0].pid), *children]:
                victim.kill()
                struck.add(victim.pid)
            running[0].wait()
            running[0] = world.serve()

    try:
        send(world, number, middle=strike)
        whole(world, number)
        assert struck, "nobody was killed"
        assert struck.isdisjoint(serving()), "whoever was killed serves again as another process"
    finally:
        end(running[0])
