"""Microsoft Intune: what its simulator checks of a request, and what the adapter makes of a wiped device and of Windows."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from hinomi.clock import SystemClock, iso
from hinomi.playbooks.vendors import Adapter, Intent, Observation, VendorError, vendors

DEVICES = "/v1.0/deviceManagement/managedDevices"
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def intune(simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    quick = ("--no-limits", "--pending", "0.1", "--running", "0.1", "--leaves", "0.5")
    made = simulator(tmp_path_factory.mktemp("intune"), *quick, product="intune")
    yield made
    made.close()


@pytest.fixture(scope="module")
def graph(intune: Any) -> Iterator[httpx2.Client]:
    """A client with a token."""
    form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s3cret", "scope": "https://graph.microsoft.com/.default"}  # fmt: skip
    token = httpx2.post(intune.settings["token_url"], data=form).json()["access_token"]
    with httpx2.Client(base_url=intune.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def added(intune: Any, system: str = "iOS") -> str:
    return str(intune.steer("/machines", {"computerDnsName": "pc-1", "operatingSystem": system})[0]["id"])


def test_the_simulator_takes_what_graph_takes_and_refuses_the_rest(intune: Any, graph: httpx2.Client) -> None:
    device = added(intune)
    wipe = f"{DEVICES}/{device}/wipe"
    assert graph.post(f"{DEVICES}/{device}/remoteLock").status_code == 204
    assert graph.post(f"{DEVICES}/{device}/remoteLock", json={}).status_code == 400
    assert graph.post(f"{DEVICES}/{device}/remotelock").status_code == 404
    assert graph.get(f"{DEVICES}/{device}/wipe").status_code == 405
    assert graph.post(wipe, content=b"{}").status_code == 415
    assert graph.post(wipe, json={"KeepUserData": True}).status_code == 400
    assert graph.post(wipe, json={"keepUserData": "yes"}).status_code == 400
    assert graph.post(f"{DEVICES}/nowhere/wipe", json={}).status_code == 404
    refused = httpx2.post(intune.url + wipe, json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert [kind for kind, _ in intune.actions(device)] == ["remoteLock"]


def test_a_device_shows_the_results_of_its_acts_and_a_list_does_not(intune: Any, graph: httpx2.Client) -> None:
    device = added(intune)
    graph.post(f"{DEVICES}/{device}/remoteLock")
    one = graph.get(f"{DEVICES}/{device}", params={"$select": "id,deviceActionResults"}).json()
    assert set(one) == {"@odata.context", "id", "deviceActionResults"}
    (result,) = one["deviceActionResults"]
    assert set(result) == {"actionName", "actionState", "startDateTime", "lastUpdatedDateTime"}
    assert result["actionName"] == "remoteLock"
    listed = graph.get(DEVICES, params={"$filter": "deviceName eq 'PC-1'"}).json()["value"]
    assert device in [row["id"] for row in listed]
    assert {len(row["deviceActionResults"]) for row in listed} == {0}
    assert graph.get(f"{DEVICES}/{device}", params={"$select": "nonsense"}).status_code == 400
    assert graph.get(DEVICES, params={"$filter": "contains(deviceName,'x')"}).status_code == 400


async def seen(adapter: Adapter, intent: Intent, so: Callable[[Observation], bool]) -> Observation:
    """Look until something is so."""
    deadline = time.monotonic() + 20
    while not so(look := await adapter.verify(intent, None)):
        assert time.monotonic() < deadline, look
        await asyncio.sleep(0.05)
    return look


def intent_of(action: str, device: str) -> Intent:
    return Intent(action, {"device": "d", "machine": device, "name": "pc-1"}, "t", sent_at=iso(SystemClock().now()))


@pytest.fixture
async def adapter(intune: Any) -> Any:
    made = vendors.get("intune")(intune.settings)
    yield made
    await made.close()


async def test_a_wiped_device_leaves_intune_and_that_is_its_end(intune: Any, adapter: Any) -> None:
    intent = intent_of("endpoint.wipe", added(intune))
    await adapter.apply(intent)
    await seen(adapter, intent, lambda look: look.state == "done" and "no longer managed" in look.detail)
    assert await adapter.find_own(intent) is None  # not to be found says nothing: it may never have been there


async def test_a_windows_pc_cannot_be_locked_from_afar_and_that_is_said(intune: Any, adapter: Any) -> None:
    intent = intent_of("endpoint.lock", added(intune, "Windows"))
    await adapter.apply(intent)
    look = await seen(adapter, intent, lambda look: look.state == "failed")
    assert look.detail == "notSupported"


async def test_an_act_that_is_shown_late_is_found_when_it_is_shown(simulator: Any, tmp_path_factory: Any) -> None:
    late = simulator(
        tmp_path_factory.mktemp("late"), "--no-limits", "--pending", "0.1", "--shown", "1.0", product="intune"
    )
    try:
        device = added(late)
        late.fault("timeout-after-accept", device, "endpoint.wipe", times=1, seconds=0.3)
        intent = intent_of("endpoint.wipe", device)
        adapter = vendors.get("intune")({**late.settings, "timeout": 0.2})
        with pytest.raises(VendorError, match="no answer"):
            await adapter.apply(intent)
        assert await adapter.find_own(intent) is None
        deadline = time.monotonic() + 20
        while await adapter.find_own(intent) is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        await adapter.close()
    finally:
        late.close()
