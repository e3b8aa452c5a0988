"""Microsoft Defender for Endpoint: machine actions over its API.

Pages: learn.microsoft.com/defender-endpoint/api/isolate-machine, unisolate-machine, run-av-scan,
stop-and-quarantine-file, get-machineactions-collection. Body names are case-sensitive. While an action
is open the vendor answers 400 ActiveRequestAlreadyExists: that one is looked up, not sent again.
"""

import asyncio
from dataclasses import replace
from typing import Any

import httpx2

from hinomi.clock import SystemClock, iso
from hinomi.collectors.pulls.bearer import table_of
from hinomi.collectors.pulls.defender_alerts import DefenderSettings
from hinomi.collectors.pulls.oauth import OAuthClient
from hinomi.collectors.times import to_iso
from hinomi.playbooks.vendors import Accepted, Capability, Intent, Observation, Request, State, VendorError, vendors
from hinomi.playbooks.vendors.calls import OPPOSITE, OURS, body_of, call, machine_of, pause, problem

CALLS = {
    "endpoint.isolate": ("isolate", "Isolate"),
    "endpoint.release": ("unisolate", "Unisolate"),
    "endpoint.scan": ("runAntiVirusScan", "RunAntiVirusScan"),
    "endpoint.quarantine_file": ("StopAndQuarantineFile", "StopAndQuarantineFile"),
}
#: Type of a machine action → the device's state while it is open, and after it.
STATES: dict[str, tuple[State, State]] = {
    "Isolate": ("pending_isolation", "isolated"),
    "Unisolate": ("pending_release", "released"),
}
TOP = 50
OPEN = ("Pending", "InProgress")
ENDED_BADLY = ("Failed", "TimeOut", "Cancelled")


@vendors.register("defender")
class Defender:
    """One Defender tenant."""

    name = "defender"

    def __init__(self, settings: dict[str, Any]):
        self._settings = table_of(DefenderSettings, settings)
        self._client = OAuthClient(self._settings)

    def capabilities(self) -> dict[str, Capability]:
        """State, job or once of each action."""
        return {
            "endpoint.isolate": "state",
            "endpoint.release": "state",
            "endpoint.scan": "job",
            "endpoint.quarantine_file": "once",
        }

    def plan(self, intent: Intent) -> Request:
        """Return the exact request."""
        if intent.action not in CALLS:
            raise VendorError(f"{intent.action} is nothing that Defender does", "permanent")
        return Request("POST", self._settings.base_url.rstrip("/") + self._path(intent), self._body(intent))

    @staticmethod
    def _path(intent: Intent) -> str:
        return f"/api/machines/{machine_of(intent.target)}/{CALLS[intent.action][0]}"

    @staticmethod
    def _body(intent: Intent) -> dict[str, Any]:
        more: dict[str, Any] = {
            "endpoint.isolate": {"IsolationType": str(intent.params.get("type", "Full"))},
            "endpoint.release": {},
            "endpoint.scan": {"ScanType": "Full"},
            "endpoint.quarantine_file": {"Sha1": intent.target.get("sha1", "")},
        }[intent.action]
        return {"Comment": intent.tag, **more}

    async def apply(self, intent: Intent) -> Accepted:
        """Send it once."""
        response = await self._call("POST", self._path(intent), sending=True, json=self._body(intent))
        if response.status_code in (200, 201):
            action = response.json()  # of a repeat it may be the one that is pending, whoever asked for it
            other = action.get("requestorComment")
            return Accepted(str(action.get("id", "")) or None, adopted=bool(other) and intent.tag not in str(other))
        code, message = _error(response)
        if response.status_code == 400 and ("ActiveRequestAlreadyExists" in code or "already" in message.lower()):
            return await self._there_already(intent, message)
        raise self._problem(response, sending=True)

    async def _there_already(self, intent: Intent, message: str) -> Accepted:
        """An open action of this type is ours to follow, whoever asked; one of the opposite type must end first."""
        for action in await self._actions(intent):
            if action.get("type") == CALLS[intent.action][1] and action.get("status") in OPEN:
                return Accepted(str(action["id"]), adopted=intent.tag not in str(action.get("requestorComment", "")))
        state = await self.read_state(intent.target)
        if state.state == {"endpoint.isolate": "isolated", "endpoint.release": "released"}.get(intent.action):
            return Accepted(state.vendor_id, adopted=True)
        raise VendorError(f"another action is open: {message}", "busy")

    async def find_own(self, intent: Intent) -> Accepted | None:
        """Return our own earlier request: by machine and type, then the tag (it is not filterable)."""
        for action in await self._actions(intent):
            own = intent.tag in str(action.get("requestorComment", ""))
            if own and action.get("type") == CALLS[intent.action][1] and action.get("status") not in ENDED_BADLY:
                return Accepted(str(action["id"]))
        return None

    async def _actions(self, intent: Intent) -> list[dict[str, Any]]:
        kind = CALLS[intent.action][1]
        return await self._list(f"machineId eq '{machine_of(intent.target)}' and type eq '{kind}'")

    async def _list(self, condition: str) -> list[dict[str, Any]]:
        query = {"$filter": condition, "$orderby": "creationDateTimeUtc desc", "$top": str(TOP)}
        response = await self._call("GET", "/api/machineactions", params=query)
        if response.status_code != 200:
            raise self._problem(response)
        return [item for item in response.json().get("value", ()) if isinstance(item, dict)]

    async def read_state(self, target: dict[str, str]) -> Observation:
        """Return the state of the newest Isolate or Unisolate action that still stands."""
        condition = f"machineId eq '{machine_of(target)}'"
        newest_first = await self._list(condition)
        found = _standing(newest_first)
        if not found and len(newest_first) >= TOP:  # the machine is busy with other things: look further back
            asked = (self._list(f"{condition} and type eq '{kind}'") for kind in STATES)
            found = _standing([action for some in await asyncio.gather(*asked) for action in some])
        now = iso(SystemClock().now())
        if not found:
            return Observation("released", now, "no isolation on record")
        newest = max(found, key=lambda action: to_iso(str(action.get("creationDateTimeUtc", ""))) or "")
        pending, reached = STATES[newest["type"]]
        state = pending if newest.get("status") in OPEN else reached
        return Observation(state, now, str(newest.get("status")), str(newest["id"]))

    async def verify(self, intent: Intent, vendor_id: str | None) -> Observation:
        """Return how far it is: the action's own status, and for a scan whether newer alerts came."""
        if vendor_id is None:
            return await self.read_state(intent.target)
        response = await self._call("GET", f"/api/machineactions/{vendor_id}")
        if response.status_code != 200:
            raise self._problem(response)
        action = response.json()
        status, now = str(action.get("status")), iso(SystemClock().now())
        if status in OPEN:
            waiting: State = STATES.get(CALLS[intent.action][1], ("pending", "pending"))[0]
            after = pause(to_iso(str(action.get("creationDateTimeUtc", ""))))
            return Observation(waiting, now, status, vendor_id, next_poll_after=after)
        if status in ENDED_BADLY:
            return Observation("failed", now, status, vendor_id)
        return await self._succeeded(intent, action, now, vendor_id)

    async def _succeeded(self, intent: Intent, action: dict[str, Any], now: str, vendor_id: str) -> Observation:
        if CALLS[intent.action][1] in STATES:  # another's later action may have turned it round
            return await self.read_state(intent.target)
        if intent.action != "endpoint.scan":
            return Observation("done", now, "Succeeded", vendor_id)
        since = to_iso(str(action.get("creationDateTimeUtc", ""))) or now
        query = {"$filter": f"alertCreationTime gt {since}", "$top": "10000"}
        response = await self._call("GET", "/api/alerts", params=query)
        if response.status_code != 200:
            raise self._problem(response)
        newer = [a for a in response.json().get("value", ()) if a.get("machineId") == intent.target["machine"]]
        if newer:
            return Observation("failed", now, f"{len(newer)} newer alerts", vendor_id)
        return Observation("clean", now, "Succeeded", vendor_id)

    async def undo(self, intent: Intent) -> Accepted:
        """Cancel our own pending action of this kind (never another's), else send the opposite."""
        if intent.action not in OPPOSITE:
            raise VendorError(f"{intent.action} cannot be undone", "permanent")
        for action in await self._actions(intent):
            if action.get("status") in OPEN and OURS in str(action.get("requestorComment", "")):
                path = f"/api/machineactions/{action['id']}/cancel"
                response = await self._call("POST", path, sending=True, json={"Comment": intent.tag})
                if response.status_code in (200, 201):
                    return Accepted(None)
                if response.status_code != 400:  # 400: it has ended a moment ago
                    raise self._problem(response, sending=True)
        return await self.apply(replace(intent, action=OPPOSITE[intent.action]))

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    async def _call(self, method: str, path: str, *, sending: bool = False, **more: Any) -> httpx2.Response:
        return await call(self._client, method, path, sending=sending, **more)

    @staticmethod
    def _problem(response: httpx2.Response, *, sending: bool = False) -> VendorError:
        return problem(response, ": ".join(_error(response)), sending=sending)


def _standing(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the actions that say whether a machine is isolated: what failed or was cancelled says nothing."""
    return [action for action in actions if action.get("type") in STATES and action.get("status") not in ENDED_BADLY]


def _error(response: httpx2.Response) -> tuple[str, str]:
    body = body_of(response)
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", response.text[:200]
    return str(error.get("code", "")), str(error.get("message", ""))[:300]
