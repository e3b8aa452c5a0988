"""CrowdStrike Falcon: network containment and on-demand scans over its API.

Pages: developer.crowdstrike.com/api-reference/collections/hosts (PerformActionV2, GetDeviceDetailsV2) and /ods. A
containment has no id and keeps no comment: the device's ``status`` is all there is, and the last request wins. Whether a
state is of our own making is told by the time it was made. A look too soon after an act may leave the sensor pending.
There is no call that quarantines a given file on a host: that is left to people.
"""

import asyncio
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx2

from hinomi.clock import SystemClock, iso, parse_iso
from hinomi.collectors.pulls.bearer import table_of
from hinomi.collectors.pulls.crowdstrike_alerts import FalconSettings
from hinomi.collectors.pulls.oauth import OAuthClient
from hinomi.collectors.times import to_iso
from hinomi.playbooks.vendors import Accepted, Capability, Intent, Observation, Request, State, VendorError, vendors
from hinomi.playbooks.vendors.calls import OPPOSITE, SLACK, body_of, call, glance, machine_of, pause, problem

ACTIONS = "/devices/entities/devices-actions/v2"
DEVICES = "/devices/entities/devices/v2"
SCANS = "/ods/entities/scans/v1"
#: Action → the name of the call, and the statuses in which there is nothing left to ask for.
CALLS = {
    "endpoint.isolate": ("contain", ("containment_pending", "contained")),
    "endpoint.release": ("lift_containment", ("lift_containment_pending", "normal")),
}
STATES: dict[str, State] = {
    "normal": "released",
    "containment_pending": "pending_isolation",
    "contained": "isolated",
    "lift_containment_pending": "pending_release",
}
SCAN_ENDED_BADLY = ("failed", "canceled", "cancelled", "expired", "error")
#: Moderate machine learning at a quarter of the processor; what is found is quarantined.
SCAN = {
    "initiated_from": "cloud_adhoc", "cpu_priority": 2, "quarantine": True, "endpoint_notification": True,
    "sensor_ml_level_detection": 2, "sensor_ml_level_prevention": 2, "cloud_ml_level_detection": 2, "cloud_ml_level_prevention": 2,
}  # fmt: skip
RECENT = 100
"""Scans looked through for our own."""


@vendors.register("crowdstrike")
class CrowdStrike:
    """One Falcon customer."""

    name = "crowdstrike"

    def __init__(self, settings: dict[str, Any]):
        self._settings = table_of(FalconSettings, settings)
        self._client = OAuthClient(self._settings)
        self._sent: dict[str, float] = {}

    def capabilities(self) -> dict[str, Capability]:
        """State or job of each action."""
        return {"endpoint.isolate": "state", "endpoint.release": "state", "endpoint.scan": "job"}

    def plan(self, intent: Intent) -> Request:
        """Return the exact request."""
        machine = machine_of(intent.target)
        path = SCANS
        body: dict[str, Any] = {"hosts": [machine], "file_paths": self._settings.scan_paths, "description": intent.tag, **SCAN}  # fmt: skip
        if intent.action in CALLS:
            path, body = f"{ACTIONS}?{urlencode({'action_name': CALLS[intent.action][0]})}", {"ids": [machine]}
        elif intent.action != "endpoint.scan":
            raise VendorError(f"{intent.action} is nothing that Falcon does", "permanent")
        return Request("POST", self._settings.base_url.rstrip("/") + path, body)

    # --- doing ------------------------------------------------------------------------------------

    async def apply(self, intent: Intent) -> Accepted:
        """Send it once, unless the device is so, or on its way, already."""
        request = self.plan(intent)
        if intent.action in CALLS and (there := await self._there_already(intent)):
            return there
        path = request.url.removeprefix(self._settings.base_url.rstrip("/"))
        if intent.action not in CALLS:
            return Accepted(str((await self._post(path, request, None)).get("id", "")) or None)
        machine = intent.target["machine"]
        self._sent[machine] = time.monotonic()
        try:
            await self._post(path, request, machine)
        except VendorError as error:
            if error.kind != "unknown":  # certainly not taken: there is nothing to wait for
                self._sent.pop(machine, None)
            raise
        return Accepted(None)

    async def _post(self, path: str, request: Request, machine: str | None) -> dict[str, Any]:
        response = await self._call("POST", path, sending=True, json=request.body)
        if response.status_code not in (200, 201, 202):
            raise _problem(response, sending=True)
        return _made(response, machine)

    async def _there_already(self, intent: Intent) -> Accepted | None:
        device = await glance(self._device(intent.target))
        if device is None or device.get("status") not in CALLS[intent.action][1]:
            return None
        return Accepted(None, adopted=not _since(device, intent))

    async def find_own(self, intent: Intent) -> Accepted | None:
        """Return our own earlier request: a scan by its tag, a containment by the state since it was sent."""
        if intent.sent_at is None:
            return None
        if intent.action in CALLS:
            await asyncio.sleep(self._too_soon(intent.target))
            device = await self._device(intent.target)
            own = device.get("status") in CALLS[intent.action][1] and _since(device, intent)
            return Accepted(None) if own else None
        since = iso(parse_iso(intent.sent_at) - SLACK)
        query = {"filter": f"created_on:>='{since}'", "sort": "created_on|desc", "limit": str(RECENT)}
        ids = [str(one) for one in await self._resources("/ods/queries/scans/v1", query)]
        for scan in await self._resources(SCANS, {"ids": ids}) if ids else ():
            if isinstance(scan, dict) and _own(scan, intent) and scan.get("status") not in SCAN_ENDED_BADLY:
                return Accepted(str(scan["id"]))
        return None

    async def undo(self, intent: Intent) -> Accepted:
        """Send the opposite: the last request wins, also over one that is pending."""
        if intent.action not in OPPOSITE:
            raise VendorError(f"{intent.action} cannot be undone", "permanent")
        return await self.apply(replace(intent, action=OPPOSITE[intent.action]))

    # --- looking ----------------------------------------------------------------------------------

    async def read_state(self, target: dict[str, str]) -> Observation:
        """Return what the device's status says, waiting with the look where we have just acted."""
        await asyncio.sleep(self._too_soon(target))
        status = str((await self._device(target)).get("status"))
        return Observation(STATES.get(status, "unknown"), iso(SystemClock().now()), status)

    async def verify(self, intent: Intent, vendor_id: str | None) -> Observation:
        """Return how far it is: the device's status, or the scan's own and whether newer alerts came."""
        if intent.action != "endpoint.scan":
            if wait := self._too_soon(intent.target):
                return Observation("unknown", iso(SystemClock().now()), "not looked at yet", next_poll_after=wait)
            return replace(await self.read_state(intent.target), next_poll_after=pause(intent.sent_at))
        found = await self._resources(SCANS, {"ids": [vendor_id or ""]})
        scan = next((one for one in found if isinstance(one, dict)), {})
        status, now = str(scan.get("status")), iso(SystemClock().now())
        if status in SCAN_ENDED_BADLY:
            return Observation("failed", now, status, vendor_id)
        if status != "completed":
            return Observation("pending", now, status, vendor_id, next_poll_after=pause(to_iso(str(scan.get("created_on", "")))))  # fmt: skip
        files = scan.get("filecount") if isinstance(scan.get("filecount"), dict) else {}
        malicious = int(files.get("malicious") or 0)  # type: ignore[union-attr]  # a dict by the line above
        newer = await self._newer_alerts(intent, to_iso(str(scan.get("created_on", ""))) or now)
        if malicious or newer:
            return Observation("failed", now, f"{malicious} malicious files, {newer} newer alerts", vendor_id)
        return Observation("clean", now, status, vendor_id)

    async def _newer_alerts(self, intent: Intent, since: str) -> int:
        which = f"device.device_id:'{machine_of(intent.target)}'+created_timestamp:>'{since}'"
        return len(await self._resources("/alerts/queries/alerts/v2", {"filter": which, "limit": "100"}))

    def _too_soon(self, target: dict[str, str]) -> float:
        sent = self._sent.get(target["machine"])
        return 0.0 if sent is None else max(sent + self._settings.first_look - time.monotonic(), 0.0)

    async def _device(self, target: dict[str, str]) -> dict[str, Any]:
        machine = machine_of(target)
        for device in await self._resources(DEVICES, {"ids": machine}):
            if isinstance(device, dict) and str(device.get("device_id")).lower() == machine.lower():
                return device
        raise VendorError(f"Falcon knows no device {machine}", "permanent")

    async def _resources(self, path: str, query: dict[str, Any]) -> list[Any]:
        response = await self._call("GET", path, params=query)
        if response.status_code != 200:
            raise _problem(response)
        body = body_of(response)
        found = body.get("resources") if isinstance(body, dict) else None
        return found if isinstance(found, list) else []

    async def _call(self, method: str, path: str, *, sending: bool = False, **more: Any) -> httpx2.Response:
        return await call(self._client, method, path, sending=sending, **more)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


def _since(device: dict[str, Any], intent: Intent) -> bool:
    """Tell whether a device was changed since we asked for it; the vendor's time has whole seconds."""
    modified = to_iso(str(device.get("modified_timestamp", "")))
    return bool(intent.sent_at and modified and modified[:19] >= intent.sent_at[:19])


def _own(scan: dict[str, Any], intent: Intent) -> bool:
    hosts = scan.get("hosts")
    return scan.get("description") == intent.tag and (not hosts or intent.target["machine"] in hosts)


def _errors(response: httpx2.Response) -> list[tuple[int, str]]:
    body = body_of(response)
    found = body.get("errors") if isinstance(body, dict) else None
    items = [item for item in found or () if isinstance(item, dict)]
    return [(int(item.get("code") or 0), str(item.get("message", ""))[:300]) for item in items]


def _problem(response: httpx2.Response, *, status: int | None = None, sending: bool = False) -> VendorError:
    told = "; ".join(message for _, message in _errors(response)) or response.text[:200]
    return problem(response, told, status=status, sending=sending)


def _made(response: httpx2.Response, machine: str | None) -> dict[str, Any]:
    """Return the one resource that was made; what was taken for others, or not at all, is an error of its own."""
    body = body_of(response)
    made = body.get("resources") if isinstance(body, dict) else None
    for item in made if isinstance(made, list) else ():
        if isinstance(item, dict) and machine in (None, item.get("id")):
            return item
    errors = _errors(response)
    if not errors:
        raise VendorError("the answer says neither that it was taken nor why not", "unknown")
    raise _problem(response, status=errors[0][0] or 400, sending=True)
