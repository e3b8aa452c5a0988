"""Trend Vision One: response tasks on endpoints over its API.

Pages: automation.trendmicro.com/xdr/api-v3: ``POST /v3.0/response/endpoints/isolate`` and ``restore`` take a list and answer
207, each item with its own status and, in ``Operation-Location``, its task; ``startMalwareScan``; ``GET
/v3.0/response/tasks[/{id}]``; ``GET /v3.0/endpointSecurity/endpoints/{agentGuid}``. Our tag is a task's description. A task
that waits for an approval in the console is under way, not failed. Only scans can be cancelled, so the opposite is sent.
The block list is the whole customer's and quarantines nothing on one endpoint: that is left to people.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2

from hinomi.clock import SystemClock, iso, parse_iso
from hinomi.collectors.pulls.bearer import KeyClient, KeySettings, table_of
from hinomi.collectors.pulls.trend_alerts import hosts_of, next_of
from hinomi.collectors.times import to_iso
from hinomi.playbooks.vendors import Accepted, Capability, Intent, Observation, Request, State, VendorError, vendors
from hinomi.playbooks.vendors.calls import OPPOSITE, SLACK, body_of, call, glance, machine_of, pause, problem

ENDPOINTS, TASKS, ALERTS = "/v3.0/response/endpoints", "/v3.0/response/tasks", "/v3.0/workbench/alerts"
INVENTORY = "/v3.0/endpointSecurity/endpoints"
#: Action → the call, and the words that its tasks have.
CALLS = {
    "endpoint.isolate": ("isolate", ("isolate", "isolateForMultiple")),
    "endpoint.release": ("restore", ("restoreIsolate", "restoreIsolateForMultiple")),
    "endpoint.scan": ("startMalwareScan", ("malwareScan", "malwareScanForMultiple")),
}
WAITING: dict[str, State] = {"endpoint.isolate": "pending_isolation", "endpoint.release": "pending_release"}
REACHED: dict[str, State] = {"on": "isolated", "off": "released"}
OPEN = ("queued", "running", "pendingApproval")
ENDED_BADLY = ("failed", "rejected", "canceled")
APPROVAL = "waits for an approval in Trend Vision One"
LOOK_BACK = timedelta(days=7)
"""How long a task may have been waiting for its endpoint to be still found."""
PAGES = 25
"""Pages of 200 tasks looked through at most."""


@vendors.register("trend")
class Trend:
    """One Vision One customer, in one region."""

    name = "trend"

    def __init__(self, settings: dict[str, Any]):
        self._settings = table_of(KeySettings, settings)
        self._client = KeyClient(self._settings)

    def capabilities(self) -> dict[str, Capability]:
        """State or job of each action."""
        return {"endpoint.isolate": "state", "endpoint.release": "state", "endpoint.scan": "job"}

    def plan(self, intent: Intent) -> Request:
        """Return the exact request."""
        if intent.action not in CALLS:
            raise VendorError(f"{intent.action} is nothing that Vision One does", "permanent")
        items = [{"agentGuid": machine_of(intent.target), "description": intent.tag}]
        body: dict[str, Any] | list[dict[str, Any]] = (
            {"endpoints": items} if intent.action == "endpoint.scan" else items
        )
        url = f"{self._settings.base_url.rstrip('/')}{ENDPOINTS}/{CALLS[intent.action][0]}"
        return Request("POST", url, body)

    # --- doing ------------------------------------------------------------------------------------

    async def apply(self, intent: Intent) -> Accepted:
        """Send it once, unless a task is open for it, or the endpoint is so, already."""
        request = self.plan(intent)
        if there := await glance(self._there_already(intent)):
            return there
        path = f"{ENDPOINTS}/{CALLS[intent.action][0]}"
        response = await self._call("POST", path, sending=True, json=request.body)
        if response.status_code == 207:
            return Accepted(_task_of(response))
        if response.status_code != 202:
            raise _problem(response, sending=True)
        return Accepted(_last(response.headers.get("operation-location", "")))

    async def _there_already(self, intent: Intent) -> Accepted | None:
        opened, state = await asyncio.gather(self._open(intent.target), self._reached(intent.target))
        if intent.action in OPPOSITE:
            opened = [task for task in opened if _kind(task) in OPPOSITE]  # a scan stands in nobody's way
        for task in opened:
            if _kind(task) == intent.action:
                return Accepted(str(task["id"]), adopted=intent.tag not in str(task.get("description", "")))
        if opened or intent.action not in OPPOSITE:  # the opposite comes first; where it leads is not known yet
            return None
        reached = {"endpoint.isolate": "isolated", "endpoint.release": "released"}[intent.action]
        return Accepted(None, adopted=True) if state == reached else None

    async def find_own(self, intent: Intent) -> Accepted | None:
        """Return our own earlier task, by its tag: descriptions can be read, not asked for."""
        if intent.sent_at is None:
            return None
        async for task in self._tasks(intent.target, iso(parse_iso(intent.sent_at) - SLACK)):
            own = intent.tag in str(task.get("description", "")) and _kind(task) == intent.action
            if own and task.get("status") not in ENDED_BADLY:
                return Accepted(str(task["id"]))
        return None

    async def undo(self, intent: Intent) -> Accepted:
        """Send the opposite: tasks of an endpoint are carried out in their order, and only scans can be cancelled."""
        if intent.action not in OPPOSITE:
            raise VendorError(f"{intent.action} cannot be undone", "permanent")
        return await self.apply(replace(intent, action=OPPOSITE[intent.action]))

    # --- looking ----------------------------------------------------------------------------------

    async def read_state(self, target: dict[str, str]) -> Observation:
        """Return the endpoint's state, or where its newest open task leads."""
        opened, state = await asyncio.gather(self._open(target), self._reached(target))
        now = iso(SystemClock().now())
        for task in opened:
            if waiting := WAITING.get(_kind(task)):
                return Observation(waiting, now, _said(task), str(task["id"]))
        return Observation(state, now, state)

    async def verify(self, intent: Intent, vendor_id: str | None) -> Observation:
        """Return how far it is: the task's own status, then the endpoint's state, or whether newer alerts came."""
        if vendor_id is None:
            return await self.read_state(intent.target)
        task = await self._one(f"{TASKS}/{vendor_id}")
        status, now = str(task.get("status")), iso(SystemClock().now())
        if status in ENDED_BADLY:
            return Observation("failed", now, status, vendor_id)
        if status != "succeeded":
            after = 10.0 if status == "pendingApproval" else pause(to_iso(str(task.get("createdDateTime", ""))))
            return Observation(
                WAITING.get(intent.action, "pending"), now, _said(task), vendor_id, next_poll_after=after
            )
        if intent.action in OPPOSITE:  # another's later task may have turned it round
            return replace(await self.read_state(intent.target), vendor_id=vendor_id)
        newer = await self._newer_alerts(intent, to_iso(str(task.get("createdDateTime", ""))) or now)
        if newer:
            return Observation("failed", now, f"{newer} newer alerts", vendor_id)
        return Observation("clean", now, status, vendor_id)

    async def _newer_alerts(self, intent: Intent, since: str) -> int:
        query: dict[str, str] | None = {"startDateTime": _seconds(since), "dateTimeTarget": "createdDateTime", "orderBy": "createdDateTime desc"}  # fmt: skip
        path, machine, count = ALERTS, machine_of(intent.target).lower(), 0
        for _ in range(PAGES):
            answer = await self._one(path, query)
            items = [item for item in answer.get("items") or () if isinstance(item, dict)]
            count += sum(machine in (str(host.get("guid")).lower() for host in hosts_of(item)) for item in items)
            path, query = next_of(answer, ALERTS), None
            if not path:
                break
        return count

    async def _reached(self, target: dict[str, str]) -> State:
        endpoint = await self._one(f"{INVENTORY}/{machine_of(target)}")
        return REACHED.get(str(endpoint.get("isolationStatus")).lower(), "unknown")

    async def _open(self, target: dict[str, str]) -> list[dict[str, Any]]:
        """Return an endpoint's tasks that are not over, newest first."""
        since = iso(SystemClock().now() - LOOK_BACK)
        found = [task async for task in self._tasks(target, since) if task.get("status") in OPEN]
        return sorted(found, key=lambda task: to_iso(str(task.get("createdDateTime", ""))) or "", reverse=True)

    async def _tasks(self, target: dict[str, str], since: str) -> AsyncIterator[dict[str, Any]]:
        machine = machine_of(target).lower()
        path, query = TASKS, {"startDateTime": _seconds(since), "dateTimeTarget": "createdDateTime", "top": "200"}
        for _ in range(PAGES):
            answer = await self._one(path, query)
            for task in answer.get("items") or ():
                if isinstance(task, dict) and str(task.get("agentGuid")).lower() == machine:
                    yield task
            path, query = next_of(answer, TASKS), {}
            if not path:
                return

    async def _one(self, path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
        more: dict[str, Any] = {"params": query} if query else {}  # an empty one would take the query of a link away
        response = await self._call("GET", path, **more)
        if response.status_code != 200:
            raise _problem(response)
        body = body_of(response)
        return body if isinstance(body, dict) else {}

    async def _call(self, method: str, path: str, *, sending: bool = False, **more: Any) -> httpx2.Response:
        return await call(self._client, method, path, sending=sending, **more)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


def _kind(task: dict[str, Any]) -> str:
    return next((action for action, (_, words) in CALLS.items() if task.get("action") in words), "")


def _said(task: dict[str, Any]) -> str:
    status = str(task.get("status"))
    return APPROVAL if status == "pendingApproval" else status


def _seconds(moment: str) -> str:
    """Return a time as the API takes it."""
    return f"{moment[:19]}Z"


def _last(location: str) -> str | None:
    return location.rstrip("/").rpartition("/")[2] or None


def _task_of(response: httpx2.Response) -> str | None:
    """Return the task of the one item that was asked for."""
    body = body_of(response)
    item = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else None
    if item is None:
        raise VendorError("the answer says neither that it was taken nor why not", "unknown")
    status = int(item.get("status") or 0)
    if not 200 <= status < 300:
        inner = item.get("body") if isinstance(item.get("body"), dict) else item
        raise problem(response, _told(inner), status=status or 500, sending=True)
    headers = [one for one in item.get("headers") or () if isinstance(one, dict)]
    found = [str(one.get("value", "")) for one in headers if str(one.get("name", "")).lower() == "operation-location"]
    return _last(found[0]) if found else None


def _told(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return f"{error.get('code', '')}: {str(error.get('message', ''))[:300]}" if isinstance(error, dict) else ""


def _problem(response: httpx2.Response, *, sending: bool = False) -> VendorError:
    return problem(response, _told(body_of(response)) or response.text[:200], sending=sending)
