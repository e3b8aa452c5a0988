"""What the simulated Vision One knows: endpoints, response tasks and their life, Workbench alerts.

Pages: automation.trendmicro.com/xdr/api-v3 (Response Management, Endpoint Security, Workbench). The tasks of one endpoint
are carried out in their order; one that waits for an approval keeps nobody.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hinomi.playbooks.simulators.faults import Faults

OPEN = ("queued", "running", "pendingApproval")
NETWORK = ("isolate", "restoreIsolate")
SCAN = "malwareScanForMultiple"


def stamp(moment: float) -> str:
    """Return a time as the API shows it: whole seconds."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Task:
    """One response task."""

    machine: str
    action: str
    description: str
    account: str
    status: str = "queued"
    created: float = field(default_factory=time.time)
    changed: float = field(default_factory=time.time)
    online_since: float | None = None
    id: str = field(default_factory=lambda: f"{uuid.uuid4().int % 10**8:08d}")


class World:
    """The customer's data."""

    words: Mapping[str, str] = {
        "endpoint.isolate": "isolate", "endpoint.release": "restoreIsolate", "endpoint.scan": SCAN,
    }  # fmt: skip

    def __init__(self, *, queued: float = 0.15, running: float = 0.25):
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.approval: set[str] = set()
        self.tasks: list[Task] = []
        self.alerts: dict[str, dict[str, Any]] = {}
        self.faults = Faults()
        self._queued, self._running = queued, running

    # --- tasks ------------------------------------------------------------------------------------

    def start(self, task: Task) -> Task:
        """Take a task on."""
        if task.machine in self.approval and task.action == "isolate":
            task.status = "pendingApproval"
        self.tasks.append(task)
        return task

    def tick(self) -> None:
        """Let every open task grow as old as it is, the tasks of one endpoint one after the other."""
        now, taken = time.time(), set()
        for task in self.tasks:
            lane = (task.machine, task.action in NETWORK)
            if task.status not in ("queued", "running") or lane in taken:
                continue
            taken.add(lane)
            if self.faults.offline(task.action, task.machine):
                task.online_since = None
            elif task.online_since is None:
                task.online_since = max(now - 0.05, task.created)
            else:
                self._grow(task, now - task.online_since, now)

    def _grow(self, task: Task, age: float, now: float) -> None:
        if age >= self._queued and task.status == "queued":
            task.status, task.changed = "running", now
        if age < self._queued + self._running:
            return
        task.changed = now
        if self.faults.strike("fail", task.action, task.machine):
            task.status = "failed"
            return
        task.status = "succeeded"
        if task.action in NETWORK:
            self.endpoints[task.machine]["isolationStatus"] = "on" if task.action == "isolate" else "off"

    @staticmethod
    def show(task: Task) -> dict[str, Any]:
        """Return a task as the API shows it."""
        return {
            "id": task.id, "action": task.action, "status": task.status, "description": task.description, "account": task.account,
            "createdDateTime": stamp(task.created), "lastActionDateTime": stamp(task.changed), "agentGuid": task.machine,
            "endpointName": "",
        }  # fmt: skip

    # --- the second door --------------------------------------------------------------------------

    def portal(self, machine: str, action: str) -> dict[str, Any]:
        """Do what an administrator does in the console: an act, or saying yes or no to one that waits."""
        self.tick()
        if action in ("approve", "reject"):
            waiting = [task for task in self.tasks if task.machine == machine and task.status == "pendingApproval"]
            for task in waiting:
                task.status, task.changed = {"approve": "queued", "reject": "rejected"}[action], time.time()
            return {"id": waiting[0].id if waiting else ""}
        return {"id": self.start(Task(machine, action, "console", "admin@console")).id}

    def cancel(self, item: Mapping[str, Any]) -> bool:
        """Withdraw a task in the console."""
        self.tick()
        for task in self.tasks:
            if task.id == item.get("id") and task.status in OPEN:
                task.status, task.changed = "canceled", time.time()
                return True
        return False

    def state(self) -> dict[str, Any]:
        """Return what is so now."""
        self.tick()
        isolated = sorted(ref for ref, endpoint in self.endpoints.items() if endpoint["isolationStatus"] == "on")
        actions = [
            {"id": t.id, "type": t.action, "status": t.status, "machineId": t.machine, "creationDateTimeUtc": f"{t.created:020.6f}"}
            for t in self.tasks
        ]  # fmt: skip
        return {"isolated": isolated, "actions": actions, "alerts": len(self.alerts)}

    def add_machine(self, item: dict[str, Any]) -> dict[str, Any]:
        """Add an endpoint; ``approval``: its isolations wait for somebody in the console."""
        ref, name = str(item.get("id") or uuid.uuid4()), str(item.get("computerDnsName", ""))
        self.endpoints[ref] = {
            "agentGuid": ref, "endpointName": name.partition(".")[0], "displayName": name, "type": "desktop", "osPlatform": "windows",
            "osName": "Windows 11", "ipAddresses": [], "isolationStatus": "off",
            "edrSensor": {"connectivity": "connected", "status": "enabled"}, "eppAgent": {"status": "on"},
        }  # fmt: skip
        if item.get("approval"):
            self.approval.add(ref)
        return {"id": ref, **self.endpoints[ref]}

    def add_alert(self, item: dict[str, Any]) -> dict[str, Any]:
        """Add an alert; ``machineId`` and ``title`` are our words for what Vision One calls otherwise."""
        given = {key: value for key, value in item.items() if key not in ("machineId", "title")}
        ref = str(item.get("id") or f"WB-{len(self.alerts) + 1:05d}-20261125-{uuid.uuid4().int % 10**5:05d}")
        old, now = self.alerts.get(ref, {}), stamp(time.time())
        machine = str(item.get("machineId", ""))
        host = {"guid": machine, "name": self.endpoints.get(machine, {}).get("endpointName", ""), "ips": ["10.1.2.3"]}
        entity = {"entityType": "host", "entityValue": host, "entityId": machine, "relatedEntities": [], "relatedIndicatorIds": [], "provenance": ["Alert"]}  # fmt: skip
        fresh = {
            "schemaVersion": "1.15", "id": ref, "investigationStatus": "New", "status": "Open", "investigationResult": "No Findings",
            "workbenchLink": f"https://portal.test/{ref}", "alertProvider": "SAE", "modelId": str(uuid.UUID(int=9)),
            "model": item.get("title", ""), "modelType": "preset", "score": 60, "severity": "high", "description": "",
            "createdDateTime": now, "impactScope": {"desktopCount": 1, "entities": [entity] if machine else []}, "matchedRules": [],
            "indicators": [],
        }  # fmt: skip
        self.alerts[ref] = {**fresh, **old, "updatedDateTime": now, **given, "id": ref}
        return self.alerts[ref]
