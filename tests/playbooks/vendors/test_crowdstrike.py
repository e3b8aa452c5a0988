"""Falcon: what the contract does not ask of every product. The simulator answers as CrowdStrike's pages say."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from hinomi.clock import SystemClock, iso
from hinomi.playbooks.vendors import Adapter, Intent, VendorError, vendors

pytestmark = pytest.mark.anyio
ACTIONS, DEVICES = "/devices/entities/devices-actions/v2", "/devices/entities/devices/v2"


@pytest.fixture(scope="module")
def shared(simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("falcon")
    running = simulator(folder, "--pending", "0.1", "--running", "0.1", "--settle", "0.4", product="crowdstrike")
    yield running
    running.close()


@pytest.fixture
def falcon(shared: Any) -> Iterator[Any]:
    yield shared
    shared.lift_faults()


@pytest.fixture
def http(falcon: Any) -> Iterator[httpx2.Client]:
    client = httpx2.Client(base_url=falcon.url)
    form = {"client_id": falcon.settings["client_id"], "client_secret": falcon.settings["client_secret"]}
    given = client.post("/oauth2/token", data=form)
    assert given.status_code == 201
    client.headers["Authorization"] = f"Bearer {given.json()['access_token']}"
    yield client
    client.close()


def adapter_of(falcon: Any, **changes: Any) -> Adapter:
    return vendors.get("crowdstrike")({**falcon.settings, **changes})


def isolate(machine: str) -> Intent:
    return Intent("endpoint.isolate", {"device": "pc", "machine": machine}, "[hinomi:t/i/r:s:1]", sent_at=iso(SystemClock().now()))  # fmt: skip


def status_of(http: httpx2.Client, machine: str) -> str:
    return str(http.get(DEVICES, params={"ids": machine}).json()["resources"][0]["status"])


async def test_a_device_is_not_looked_at_right_after_an_act(falcon: Any) -> None:
    adapter, machine = adapter_of(falcon), falcon.machine()
    intent = isolate(machine)
    accepted = await adapter.apply(intent)
    look = await adapter.verify(intent, accepted.vendor_id)
    assert (look.state, look.detail) == ("unknown", "not looked at yet")
    assert 0 < look.next_poll_after <= 0.4
    assert (await adapter.read_state(intent.target)).state == "isolated"  # it waited with its look
    await adapter.close()


async def test_an_act_whose_answer_is_lost_is_looked_for_when_the_sensor_has_settled(falcon: Any) -> None:
    adapter, machine = adapter_of(falcon, timeout=0.2), falcon.machine()
    falcon.fault("timeout-after-accept", machine, "endpoint.isolate", times=1)
    intent = isolate(machine)
    with pytest.raises(VendorError) as raised:
        await adapter.apply(intent)
    assert raised.value.kind == "unknown"
    assert await adapter.find_own(intent) is not None
    assert (await adapter.read_state(intent.target)).state == "isolated"
    await adapter.close()


async def test_who_looks_too_soon_leaves_the_sensor_pending(falcon: Any, http: httpx2.Client) -> None:
    hasty, machine = adapter_of(falcon, first_look=0), falcon.machine()
    await hasty.apply(isolate(machine))
    assert (await hasty.verify(isolate(machine), None)).state == "pending_isolation"
    await asyncio.sleep(0.6)
    assert status_of(http, machine) == "containment_pending"
    await hasty.close()


async def test_the_last_wish_wins_over_one_that_is_pending(falcon: Any) -> None:
    adapter, machine = adapter_of(falcon), falcon.machine()
    falcon.fault("offline", machine)
    intent = isolate(machine)
    await adapter.apply(intent)
    undone = await adapter.undo(replace(intent, tag="[hinomi:t/i/r:undo:1]"))
    falcon.lift_faults()
    assert undone.vendor_id is None
    assert (await adapter.read_state(intent.target)).state in ("pending_release", "released")
    assert [kind for kind, _ in falcon.actions(machine)] == ["contain", "lift_containment"]
    await adapter.close()


@pytest.mark.parametrize("kind", ["500", "429"])
async def test_a_look_that_fails_does_not_keep_a_device_on_the_network(falcon: Any, kind: str) -> None:
    adapter, machine = adapter_of(falcon), falcon.machine()
    falcon.list_fault(kind, seconds=1)
    await adapter.apply(isolate(machine))
    falcon.lift_faults()
    assert [done for done, _ in falcon.actions(machine)] == ["contain"]
    await adapter.close()


async def test_what_is_ours_is_told_by_the_time_it_was_made(falcon: Any) -> None:
    adapter, machine = adapter_of(falcon), falcon.machine()
    falcon.portal(machine, "endpoint.isolate")
    await asyncio.sleep(1.1)
    intent = isolate(machine)
    assert await adapter.find_own(intent) is None
    assert (await adapter.apply(intent)).adopted
    assert falcon.sent(machine) == []
    await adapter.close()


async def test_a_file_is_never_quarantined_by_a_call_that_falcon_has_not(falcon: Any) -> None:
    adapter = adapter_of(falcon)
    assert "endpoint.quarantine_file" not in adapter.capabilities()
    with pytest.raises(VendorError) as raised:
        await adapter.apply(replace(isolate(falcon.machine()), action="endpoint.quarantine_file"))
    assert raised.value.kind == "permanent"


async def test_what_a_scan_finds_is_told_and_is_not_clean(falcon: Any) -> None:
    adapter, machine = adapter_of(falcon), falcon.machine()
    intent = replace(isolate(machine), action="endpoint.scan")
    accepted = await adapter.apply(intent)
    other = replace(intent, tag="[hinomi:t/i/other:s:1]")
    assert (await adapter.find_own(intent), await adapter.find_own(other)) == (accepted, None)
    falcon.alert(machine)
    for _ in range(400):
        if (look := await adapter.verify(intent, accepted.vendor_id)).state != "pending":
            break
        await asyncio.sleep(0.05)
    assert (look.state, look.detail) == ("failed", "0 malicious files, 1 newer alerts")
    await adapter.close()


# --- the simulator ------------------------------------------------------------------------------------


def test_a_token_is_refused_with_403_and_an_old_one_with_401(falcon: Any, http: httpx2.Client) -> None:
    refused = httpx2.post(f"{falcon.url}/oauth2/token", data={"client_id": "app", "client_secret": "no"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, 403)
    assert http.get(DEVICES, params={"ids": "x"}, headers={"Authorization": "Bearer old"}).status_code == 401


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("contain", {"ids": []}, 400),
        ("contain", {}, 400),
        ("contain", {"ids": "*"}, 400),
        ("contain", {"IDs": ["x"]}, 400),
        ("isolate", {"ids": ["x"]}, 400),
        ("", {"ids": ["x"]}, 400),
        ("contain", {"ids": ["f" * 32]}, 404),
    ],
)
def test_an_act_needs_its_name_and_explicit_devices(http: httpx2.Client, query: str, body: Any, status: int) -> None:
    answer = http.post(ACTIONS, params={"action_name": query}, json=body)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"] == status
    assert http.post(ACTIONS, params={"action_name": "contain"}, content=b"{}").status_code == 415


def test_of_several_devices_some_may_be_taken(falcon: Any, http: httpx2.Client) -> None:
    machine = falcon.machine()
    answer = http.post(ACTIONS, params={"action_name": "contain"}, json={"ids": [machine, "f" * 32]})
    assert answer.status_code == 202
    assert [one["id"] for one in answer.json()["resources"]] == [machine]
    assert [error["code"] for error in answer.json()["errors"]] == [404]


def test_a_limit_names_the_instant_to_come_again(simulator: Any, tmp_path: Any) -> None:
    strict = simulator(tmp_path, "--per-minute", "2", product="crowdstrike")
    try:
        token = httpx2.post(f"{strict.url}/oauth2/token", data={"client_id": "app", "client_secret": "s3cret"}).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        answers = [httpx2.get(f"{strict.url}{DEVICES}?ids={strict.machine()}", headers=headers) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert 0 < int(answers[2].headers["x-ratelimit-retryafter"]) - time.time() <= 62
    finally:
        strict.close()


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": "updated_timestamp>'2026-01-01T00:00:00Z'"},
        {"filter": "updated_timestamp:>'yesterday'"},
        {"filter": "comment:'x'"},
        {"filter": "status:'new'+"},
        {"filter": "(status:'new'"},
        {"filter": "status:'it's'"},
        {"filter": "status:>'new'"},
        {"sort": "updated_timestamp"},
        {"sort": "name|asc"},
        {"limit": "10001"},
        {"offset": "9999", "limit": "100"},
        {"top": "5"},
    ],
)
def test_a_query_that_is_not_on_the_page_is_refused(http: httpx2.Client, asked: dict[str, str]) -> None:
    assert http.get("/alerts/queries/alerts/v2", params=asked).status_code == 400


def test_and_or_not_and_brackets_are_understood(falcon: Any, http: httpx2.Client) -> None:
    made = falcon.steer("/alerts", [{"id": "c:ind:1", "severity": 10, "status": "closed"}, {"id": "c:ind:2", "severity": 90}])  # fmt: skip
    assert len(made) == 2
    for asked in (
        "severity:<20+status:'closed'",
        "composite_id:'c:ind:1',composite_id:'none'",
        "(status:!'new')+severity:>=10",
    ):
        found = http.get("/alerts/queries/alerts/v2", params={"filter": asked}).json()
        assert found["resources"] == ["c:ind:1"], asked
