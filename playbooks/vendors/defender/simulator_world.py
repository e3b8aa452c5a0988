"""What the simulated Defender for Endpoint knows: machines, alerts, machine actions and their life.

Pages: learn.microsoft.com/defender-endpoint/api/machineaction, /machine, /alerts.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hinomi.playbooks.simulators.faults import Faults

PORTAL = "admin@portal"
OPEN = ("Pending", "InProgress")
#: While one of a group is open on a machine, none of the group is taken.
EXCLUSIVE = {"Isolate": "network", "Unisolate": "network"}


def stamp(nanoseconds: int) -> str:
    """Return a time as the service writes it: UTC, seven digits."""
    whole = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000 // 100:07d}Z"


@dataclass
class Action:
    """One machine action."""

    machine: str
    type: str
    scope: str | None
    comment: str
    requestor: str
    created: int
    sha1: str | None = None
    external_id: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    updated: int = 0
    online_since: int | None = None
    ends: str = "Succeeded"
    cancelled: tuple[int, str, str] | None = None


class World:
    """The tenant's data. Times are wall-clock nanoseconds."""

    words: Mapping[str, str] = {
        "endpoint.isolate": "Isolate", "endpoint.release": "Unisolate", "endpoint.scan": "RunAntiVirusScan",
        "endpoint.quarantine_file": "StopAndQuarantineFile",
    }  # fmt: skip

    def __init__(self, *, pending: float = 0.15, running: float = 0.25, expires: float | None = None):
        self.machines: dict[str, dict[str, Any]] = {}
        self.alerts: dict[str, dict[str, Any]] = {}
        self.actions: dict[str, Action] = {}
        self.faults = Faults()
        self.isolated: set[str] = set()
        self._pending, self._running = int(pending * 1e9), int(running * 1e9)
        self._expires = None if expires is None else int(expires * 1e9)

    # --- machine actions --------------------------------------------------------------------------

    def busy(self, machine: str, kind: str) -> Action | None:
        """Return the open action that stands in the way of one of this kind."""
        self.tick()
        group = EXCLUSIVE.get(kind, kind)
        for action in self.actions.values():
            if action.machine == machine and action.status in OPEN and EXCLUSIVE.get(action.type, action.type) == group:
                return action
        return None

    def start(self, action: Action) -> Action:
        """Take an action on."""
        action.updated = action.online_since = action.created
        if self.faults.strike("fail", action.type, action.machine):
            action.ends = "Failed"
        self.actions[action.id] = action
        return action

    def tick(self) -> None:
        """Let every open action grow as old as it is."""
        now = time.time_ns()
        for action in self.actions.values():
            if action.status in OPEN:
                self._grow(action, now)

    def _grow(self, action: Action, now: int) -> None:
        if self.faults.offline(action.type, action.machine):
            action.online_since = None
            if self._expires is not None and now >= action.created + self._expires:
                action.status, action.updated = "TimeOut", action.created + self._expires
            return
        if action.online_since is None:
            action.online_since = now
        started = action.online_since + self._pending
        ended = started + self._running
        if now >= ended:
            action.status, action.updated = action.ends, ended
            if action.ends == "Succeeded" and action.type == "Isolate":
                self.isolated.add(action.machine)
            elif action.ends == "Succeeded" and action.type == "Unisolate":
                self.isolated.discard(action.machine)
        elif now >= started and action.status == "Pending":
            action.status, action.updated = "InProgress", started

    def portal(self, machine: str, action: str) -> dict[str, Any]:
        """Take on what an administrator asks for, whatever else is open."""
        return self.show(self.start(Action(machine, action, "Full", "portal", PORTAL, time.time_ns())))

    def cancel(self, item: Mapping[str, Any]) -> bool:
        """Cancel an administrator's choice of an action."""
        action = self.actions.get(str(item.get("id")))
        return action is not None and self.stop(action, "portal", PORTAL)

    def state(self) -> dict[str, Any]:
        """Return what is so now."""
        self.tick()
        actions = [self.show(action) for action in self.actions.values()]
        return {"isolated": sorted(self.isolated), "actions": actions, "alerts": len(self.alerts)}

    def stop(self, action: Action, comment: str, requestor: str) -> bool:
        """Cancel an action that is not over; tell whether it could be."""
        self.tick()
        if action.status not in OPEN:
            return False
        now = time.time_ns()
        action.status, action.updated, action.cancelled = "Cancelled", now, (now, comment, requestor)
        return True

    def show(self, action: Action) -> dict[str, Any]:
        """Return the machineAction entity."""
        machine = self.machines.get(action.machine, {})
        cancelled = action.cancelled
        return {
            "id": action.id,
            "type": action.type,
            "title": None,
            "scope": action.scope,
            "requestor": action.requestor,
            "requestorComment": action.comment,
            "requestSource": "PublicApi",
            "status": action.status,
            "machineId": action.machine,
            "computerDnsName": machine.get("computerDnsName"),
            "creationDateTimeUtc": stamp(action.created),
            "lastUpdateDateTimeUtc": stamp(action.updated),
            "cancellationRequestor": cancelled[2] if cancelled else None,
            "cancellationComment": cancelled[1] if cancelled else None,
            "cancellationDateTimeUtc": stamp(cancelled[0]) if cancelled else None,
            "errorHResult": 0,
            "externalId": action.external_id,
            "commands": [],
            "relatedFileInfo": {"fileIdentifier": action.sha1, "fileIdentifierType": "Sha1"} if action.sha1 else None,
        }

    # --- machines and alerts ----------------------------------------------------------------------

    def add_machine(self, machine: dict[str, Any]) -> dict[str, Any]:
        """Add a machine; what is not given is filled in."""
        now = stamp(time.time_ns())
        whole = {
            "id": "", "computerDnsName": "", "firstSeen": now, "lastSeen": now, "osPlatform": "Windows11", "version": "24H2",
            "osProcessor": "x64", "lastIpAddress": None, "lastExternalIpAddress": None, "osBuild": 26100, "healthStatus": "Active",
            "onboardingStatus": "Onboarded", "rbacGroupId": 0, "rbacGroupName": None, "riskScore": "None", "exposureLevel": "Low",
            "isAadJoined": True, "aadDeviceId": None, "machineTags": [],
        } | machine  # fmt: skip
        whole["id"] = whole["id"] or (uuid.uuid4().hex + uuid.uuid4().hex)[:40]
        self.machines[whole["id"]] = whole
        return whole

    def add_alert(self, alert: dict[str, Any]) -> dict[str, Any]:
        """Add an alert, or a new version of one with the same id; its update time is now unless it is given."""
        now = time.time_ns()
        old = self.alerts.get(str(alert.get("id", "")), {})
        machine = self.machines.get(str(alert.get("machineId", old.get("machineId", ""))), {})
        fresh: dict[str, Any] = {
            "id": f"da{now // 100}_{uuid.uuid4().int % 10**9}", "incidentId": 1000 + len(self.alerts), "investigationId": None,
            "assignedTo": None, "severity": "Medium", "status": "New", "classification": None, "determination": None,
            "investigationState": "UnsupportedAlertType", "detectionSource": "WindowsDefenderAtp", "detectorId": str(uuid.uuid4()),
            "category": "Malware", "threatFamilyName": None, "title": "", "description": "", "alertCreationTime": stamp(now),
            "firstEventTime": stamp(now), "lastEventTime": stamp(now), "resolvedTime": None, "machineId": None,
            "computerDnsName": machine.get("computerDnsName"), "rbacGroupName": None, "aadTenantId": str(uuid.UUID(int=7)),
            "threatName": None, "mitreTechniques": [], "relatedUser": None, "comments": [], "evidence": [],
        }  # fmt: skip
        whole = {**fresh, **old, "lastUpdateTime": stamp(now), **alert}
        whole["evidence"] = [evidence(item, whole["alertCreationTime"]) for item in whole["evidence"]]
        self.alerts[str(whole["id"])] = whole
        return whole


def evidence(item: dict[str, Any], created: str) -> dict[str, Any]:
    """Return an evidence entity with all its properties, null where not given."""
    names = (
        "sha1", "sha256", "fileName", "filePath", "processId", "processCommandLine", "processCreationTime", "parentProcessId",
        "parentProcessCreationTime", "parentProcessFileName", "parentProcessFilePath", "ipAddress", "url", "registryKey",
        "registryHive", "registryValueType", "registryValue", "accountName", "domainName", "userSid", "aadUserId",
        "userPrincipalName", "detectionStatus",
    )  # fmt: skip
    return {"entityType": "File", "evidenceCreationTime": created, **dict.fromkeys(names), **item}
