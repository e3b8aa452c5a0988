"""Vision One: what the contract does not ask of every product. The simulator answers as Trend Micro's pages say."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from hinomi.clock import SystemClock, iso
from hinomi.playbooks.vendors import Adapter, Intent, VendorError, vendors

pytestmark = pytest.mark.anyio
ISOLATE, TASKS, SCAN = "/v3.0/response/endpoints/isolate", "/v3.0/response/tasks", "/v3.0/response/endpoints/startMalwareScan"  # fmt: skip


@pytest.fixture(scope="module")
def shared(simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("trend")
    running = simulator(folder, "--no-limits", "--pending", "0.1", "--running", "0.1", product="trend")
    yield running
    running.close()


@pytest.fixture
def trend(shared: Any) -> Iterator[Any]:
    yield shared
    shared.lift_faults()


@pytest.fixture
def http(trend: Any) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {trend.settings['api_key']}"}
    with httpx2.Client(base_url=trend.url, headers=headers) as client:
        yield client


def adapter_of(trend: Any) -> Adapter:
    return vendors.get("trend")(trend.settings)


def isolate(machine: str) -> Intent:
    return Intent("endpoint.isolate", {"device": "pc", "machine": machine}, "[hinomi:t/i/r:s:1]", sent_at=iso(SystemClock().now()))  # fmt: skip


async def seen(adapter: Adapter, intent: Intent, task: str | None, *states: str) -> str:
    for _ in range(400):
        look = await adapter.verify(intent, task)
        if look.state in states:
            return f"{look.state}: {look.detail}"
    raise AssertionError(look)


@pytest.mark.parametrize(("said", "ends"), [("approve", "isolated: isolated"), ("reject", "failed: rejected")])
async def test_a_task_that_waits_for_an_approval_is_under_way_and_says_so(trend: Any, said: str, ends: str) -> None:
    adapter = adapter_of(trend)
    machine = trend.steer("/machines", {"computerDnsName": "pc-approval", "approval": True})[0]["id"]
    intent = isolate(machine)
    accepted = await adapter.apply(intent)
    for look in (await adapter.verify(intent, accepted.vendor_id), await adapter.read_state(intent.target)):
        assert (look.state, look.detail) == ("pending_isolation", "waits for an approval in Trend Vision One")
    assert (await adapter.find_own(intent)) == accepted
    trend.steer("/actions", {"machine": machine, "action": said})
    assert await seen(adapter, intent, accepted.vendor_id, "isolated", "failed") == ends
    await adapter.close()


async def test_a_release_is_carried_out_after_the_isolation_that_still_waits(trend: Any) -> None:
    adapter, machine = adapter_of(trend), trend.machine()
    trend.fault("offline", machine)
    intent = isolate(machine)
    await adapter.apply(intent)
    wish = replace(intent, action="endpoint.release", tag="[hinomi:t/i/r:release:1]")
    accepted = await adapter.apply(wish)  # the endpoint is not isolated yet, and must not stay so
    assert not accepted.adopted
    trend.lift_faults()
    assert await seen(adapter, wish, accepted.vendor_id, "released") == "released: released"
    assert [done for done, _ in trend.actions(machine)] == ["isolate", "restoreIsolate"]
    await adapter.close()


async def test_the_status_of_the_item_counts_and_not_that_of_the_answer(trend: Any) -> None:
    adapter = adapter_of(trend)
    stranger = isolate(trend.stranger())
    trend.list_fault("500")  # no look warns it
    with pytest.raises(VendorError, match="404 NotFound") as raised:
        await adapter.apply(stranger)
    assert raised.value.kind == "permanent"
    await adapter.close()


async def test_an_older_task_is_found_behind_many_of_others(trend: Any) -> None:
    adapter, machine = adapter_of(trend), trend.machine()
    trend.fault("offline", machine)
    intent = isolate(machine)
    accepted = await adapter.apply(intent)
    other = trend.machine()
    trend.steer("/actions", [{"machine": other, "action": "endpoint.scan"}] * 230)  # more than a page
    assert await adapter.find_own(intent) == accepted
    assert (await adapter.read_state(intent.target)).state == "pending_isolation"
    await adapter.close()


# --- the simulator ------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, [], {"agentGuid": "x"}, [{"agentGuid": "x", "comment": "y"}]])
def test_an_act_needs_a_list_of_explicit_endpoints(http: httpx2.Client, body: Any) -> None:
    answer = http.post(ISOLATE, json=body)
    if isinstance(body, list) and body:
        assert answer.status_code == 207
        assert answer.json()[0]["status"] == 400
    else:
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "BadRequest"


def test_each_item_has_its_own_status(trend: Any, http: httpx2.Client) -> None:
    answer = http.post(ISOLATE, json=[{"agentGuid": trend.machine()}, {"agentGuid": trend.stranger()}])
    assert [item["status"] for item in answer.json()] == [202, 404]
    header = answer.json()[0]["headers"][0]
    task = http.get(TASKS + "/" + header["value"].rpartition("/")[2]).json()
    assert (header["name"], task["action"], task["status"]) == ("Operation-Location", "isolate", "queued")


def test_a_scan_is_one_task_and_takes_an_object(trend: Any, http: httpx2.Client) -> None:
    item = {"agentGuid": trend.machine(), "description": "x"}
    assert http.post(SCAN, json=[item]).status_code == 400
    answer = http.post(SCAN, json={"endpoints": [item]})
    assert (answer.status_code, "/v3.0/response/tasks/" in answer.headers["operation-location"]) == (202, True)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (TASKS, {"top": "7"}),
        (TASKS, {"startDateTime": "yesterday"}),
        (TASKS, {"dateTimeTarget": "updatedDateTime"}),
        (TASKS, {"agentGuid": "x"}),
        ("/v3.0/workbench/alerts", {"orderBy": "model asc"}),
        ("/v3.0/workbench/alerts", {"skipToken": "x"}),
    ],
)
def test_a_query_that_is_not_on_the_page_is_refused(http: httpx2.Client, path: str, asked: dict[str, str]) -> None:
    assert http.get(path, params=asked).status_code == 400


def test_a_wrong_key_is_401(http: httpx2.Client) -> None:
    answer = http.get(TASKS, headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")
