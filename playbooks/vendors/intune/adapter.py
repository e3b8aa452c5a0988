"""Microsoft Intune: remote lock and wipe of managed devices over Microsoft Graph.

Pages: learn.microsoft.com/graph/api/intune-devices-manageddevice-wipe, -remotelock, -get, and
resources/intune-devices-deviceactionresult. Both acts answer 204 without an id or a place for our tag: what is under way
is read from the device's ``deviceActionResults``, where an act of ours is one that began after we have sent it. A device
that was wiped leaves Intune, so it is not found any more. Windows PCs do not support the remote lock: it ends in
``notSupported``.

A wipe is sent only after the device was read, is called as the directory calls it, and no wipe of it is open; it is
never sent again.
"""

from datetime import timedelta
from typing import Any

import httpx2
from pydantic import Field

from hinomi.clock import SystemClock, iso, parse_iso
from hinomi.collectors.pulls.bearer import table_of
from hinomi.collectors.pulls.oauth import OAuthClient, OAuthSettings
from hinomi.collectors.times import to_iso
from hinomi.playbooks.vendors import Accepted, Capability, Intent, Observation, Request, VendorError, vendors
from hinomi.playbooks.vendors.calls import SLACK, body_of, call, machine_of, problem

DEVICES = "/v1.0/deviceManagement/managedDevices"
#: Action → the call, and the names that its results have.
CALLS = {
    "endpoint.lock": ("remoteLock", ("remotelock",)),
    "endpoint.wipe": ("wipe", ("wipe", "factoryreset")),
}
FIELDS = "id,deviceName,serialNumber,operatingSystem,lastSyncDateTime,deviceActionResults"
OPEN = ("pending", "active")
ENDED_BADLY = ("failed", "canceled", "notsupported")
REMOVED = "no longer managed by Intune: a wiped device leaves it"


class IntuneSettings(OAuthSettings):
    """The table of an Intune tenant."""

    scope: str = Field(default="https://graph.microsoft.com/.default")


@vendors.register("intune")
class Intune:
    """One Intune tenant."""

    name = "intune"

    def __init__(self, settings: dict[str, Any]):
        self._settings = table_of(IntuneSettings, settings)
        self._client = OAuthClient(self._settings)

    def capabilities(self) -> dict[str, Capability]:
        """Job or once of each action."""
        return {"endpoint.lock": "job", "endpoint.wipe": "once"}

    def plan(self, intent: Intent) -> Request:
        """Return the exact request."""
        if intent.action not in CALLS:
            raise VendorError(f"{intent.action} is nothing that Intune does", "permanent")
        body = {"keepEnrollmentData": False, "keepUserData": False} if intent.action == "endpoint.wipe" else None
        return Request("POST", f"{self._settings.base_url.rstrip('/')}{self._path(intent)}", body)

    @staticmethod
    def _path(intent: Intent) -> str:
        return f"{DEVICES}/{machine_of(intent.target)}/{CALLS[intent.action][0]}"

    # --- doing ------------------------------------------------------------------------------------

    async def apply(self, intent: Intent) -> Accepted:
        """Send it once, unless it is open already; nothing is sent to a device that cannot be read, or is another one."""
        request = self.plan(intent)
        device = await self._device(intent.target)
        if device is None:
            raise VendorError(f"Intune does not manage {machine_of(intent.target)}", "permanent")
        _the_same(device, intent)
        for result in _results(device, intent.action):
            if _state(result) in OPEN:
                return Accepted(None, adopted=not _ours(result, intent))
        more: dict[str, Any] = {"json": request.body} if request.body is not None else {}
        response = await self._call("POST", self._path(intent), sending=True, **more)
        if response.status_code not in (200, 202, 204):
            raise _problem(response, sending=True)
        return Accepted(None)

    async def find_own(self, intent: Intent) -> Accepted | None:
        """Return our own earlier request: an act of this kind that began after we have sent it.

        A device that is not found says nothing: it may never have been managed.
        """
        device = await self._device(intent.target) or {}
        own = [result for result in _results(device, intent.action) if _ours(result, intent)]
        return Accepted(None) if any(_state(result) not in ENDED_BADLY for result in own) else None

    async def undo(self, intent: Intent) -> Accepted:
        """Neither can be taken back."""
        raise VendorError(f"{intent.action} cannot be undone", "permanent")

    # --- looking ----------------------------------------------------------------------------------

    async def read_state(self, target: dict[str, str]) -> Observation:
        """Say when the device was heard of last; MDM says nothing of its network."""
        device, now = await self._device(target), iso(SystemClock().now())
        heard = to_iso(str((device or {}).get("lastSyncDateTime", "")))
        return Observation("unknown", now, f"last sync {heard}" if heard else REMOVED if device is None else "")

    async def verify(self, intent: Intent, vendor_id: str | None) -> Observation:
        """Return how far our act is, by the result of its kind that began after we have sent it."""
        device, now = await self._device(intent.target), iso(SystemClock().now())
        if device is None:
            wiped = intent.action == "endpoint.wipe"
            return Observation("done" if wiped else "failed", now, REMOVED)
        results = [result for result in _results(device, intent.action) if _ours(result, intent)]
        heard = to_iso(str(device.get("lastSyncDateTime", ""))) or "never"
        if not results:
            return Observation("pending", now, f"not shown yet; last sync {heard}", next_poll_after=_pause(intent))
        state = _state(results[0])
        if state == "done":
            return Observation("done", now, state)
        if state in ENDED_BADLY:
            return Observation("failed", now, str(results[0].get("actionState")))
        return Observation("pending", now, f"{state}; last sync {heard}", next_poll_after=_pause(intent))

    async def _device(self, target: dict[str, str]) -> dict[str, Any] | None:
        """Return a managed device; None if there is none of this id."""
        path = f"{DEVICES}/{machine_of(target)}"
        response = await self._call("GET", path, params={"$select": FIELDS})
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise _problem(response)
        body = body_of(response)
        if not isinstance(body, dict) or "id" not in body:
            raise VendorError("the answer is no managed device", "retryable")
        return body

    async def _call(self, method: str, path: str, *, sending: bool = False, **more: Any) -> httpx2.Response:
        return await call(self._client, method, path, sending=sending, **more)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


def _the_same(device: dict[str, Any], intent: Intent) -> None:
    """See that the device is the one that is meant: its id in the directory may be a slip."""
    called, meant = (
        str(name).partition(".")[0].casefold() for name in (device.get("deviceName"), intent.target.get("name"))
    )
    if not meant or called != meant:
        raise VendorError(
            f"Intune calls this device {device.get('deviceName')!r}, the directory {intent.target.get('name')!r}",
            "permanent",
        )


def _results(device: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """Return what Intune shows of acts of a kind, the newest first."""
    found = [one for one in device.get("deviceActionResults") or () if isinstance(one, dict)]
    own = [one for one in found if str(one.get("actionName")).lower() in CALLS[action][1]]
    return sorted(own, key=lambda one: to_iso(str(one.get("startDateTime", ""))) or "", reverse=True)


def _state(result: dict[str, Any]) -> str:
    return str(result.get("actionState", "")).lower()


def _ours(result: dict[str, Any], intent: Intent) -> bool:
    """Tell whether an act began after ours was sent; clocks may be apart a little."""
    began = to_iso(str(result.get("startDateTime", "")))
    return bool(began and intent.sent_at and parse_iso(began) >= parse_iso(intent.sent_at) - SLACK)


def _pause(intent: Intent) -> float:
    """Return the seconds to the next look: a lost device may be offline for days."""
    if intent.sent_at is None:
        return 2.0
    age = SystemClock().now() - parse_iso(intent.sent_at)
    steps = ((timedelta(seconds=5), 0.5), (timedelta(minutes=1), 2.0), (timedelta(hours=1), 15.0))
    return next((seconds for limit, seconds in steps if age < limit), 120.0)


def _problem(response: httpx2.Response, *, sending: bool = False) -> VendorError:
    body = body_of(response)
    error = body.get("error") if isinstance(body, dict) else None
    told = (
        f"{error.get('code', '')}: {str(error.get('message', ''))[:300]}"
        if isinstance(error, dict)
        else response.text[:200]
    )
    return problem(response, told, sending=sending)
