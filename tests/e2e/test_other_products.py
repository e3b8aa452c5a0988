"""The same line and the same playbook with another EDR: nothing changes but its table of the settings and the devices' ids."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def eventually(world_module: Any) -> Callable[..., Any]:
    found: Callable[..., Any] = world_module.eventually
    return found


@pytest.fixture(scope="module", params=["crowdstrike", "trend"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, world_module: Any) -> Iterator[Any]:
    made = world_module.World(tmp_path_factory.mktemp(request.param), request.param)
    made.lay_out()
    made.activate()
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_a_critical_line_isolates_once_though_the_first_answer_is_lost(
    world: Any, world_module: Any, eventually: Callable[..., Any]
) -> None:
    macro = world_module.macro
    lost = {"kind": "timeout-after-accept", "action": "endpoint.isolate", "times": 1, "seconds": 5.0}
    world.steer_edr("faults", lost)
    assert world.post([macro()]) == (200, {"accepted": 1})
    assert eventually(world.isolations)
    assert eventually(lambda: world.call("hosts/PC-0101").get("state") == "isolated")
    assert "a" * 40 in world.steer_edr("state")["isolated"]
    assert eventually(lambda: world.mailbox.find("t1@phone.test", "isolation_notice"))
    world.post([macro(ProcessId=77)])
    run = world.call("runs")["items"][0]["id"]
    assert eventually(lambda: world.call(f"runs/{run}")["steps"][0]["state"] == "verified")
    assert len(world.isolations()) == 1


def test_its_own_alert_is_about_the_pc_that_it_knows_by_its_id(world: Any, eventually: Callable[..., Any]) -> None:
    world.steer_edr("alerts", {"machineId": "a" * 40, "title": "Malware was run"})
    rule = f"vendor:{world.product}.alert"
    found = eventually(lambda: [a for a in world.call("alerts")["items"] if a["rule_id"] == rule])
    assert found
    assert found[0]["host"] == "PC-0101"
    assert (found[0]["level"], found[0]["tenant"]) == ("critical", "kita/aoba/higashi-es")


def test_a_release_is_shown_before_it_is_sent_and_then_seen(world: Any, eventually: Callable[..., Any]) -> None:
    shown = world.call("hosts/PC-0101/release", {"reason": "cleaned", "dry_run": True})
    assert shown["sent"] is False
    assert "a" * 40 in str(shown["body"])
    assert "a" * 40 in world.steer_edr("state")["isolated"]
    world.call("hosts/PC-0101/release", {"reason": "cleaned"})
    assert eventually(lambda: world.call("hosts/PC-0101").get("state") == "released")
    assert world.steer_edr("state")["isolated"] == []
