"""What the simulated Falcon knows: devices and their containment, on-demand scans, alerts.

Pages: developer.crowdstrike.com/api-reference/collections/hosts, /ods, /alerts. A device's status is normal,
containment_pending, contained or lift_containment_pending; the last request wins.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hinomi.playbooks.simulators.faults import Faults

CID = uuid.UUID(int=0xC1D).hex
#: Action → the status while it is under way, and after it.
LEADS = {"contain": ("containment_pending", "contained"), "lift_containment": ("lift_containment_pending", "normal")}


def seconds(moment: float) -> str:
    """Return a time as devices show it."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


def nanoseconds(moment: int) -> str:
    """Return a time as alerts and scans show it: nine digits."""
    return f"{datetime.fromtimestamp(moment // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{moment % 10**9:09d}Z"


@dataclass
class Act:
    """Something asked of a device. A containment has no id of its own in the product."""

    machine: str
    type: str
    created: float = field(default_factory=time.time)
    status: str = "pending"
    stuck: bool = False
    before: str = "normal"
    online_since: float | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


class World:
    """The customer's data."""

    words: Mapping[str, str] = {
        "endpoint.isolate": "contain", "endpoint.release": "lift_containment", "endpoint.scan": "scan",
    }  # fmt: skip

    def __init__(self, *, pending: float = 0.4, settle: float = 0.0):
        self.devices: dict[str, dict[str, Any]] = {}
        self.scans: dict[str, dict[str, Any]] = {}
        self.alerts: dict[str, dict[str, Any]] = {}
        self.acts: list[Act] = []
        self.faults = Faults()
        self._pending, self._settle = pending, settle

    # --- containment ------------------------------------------------------------------------------

    def act(self, machine: str, action: str) -> Act:
        """Take a containment on, or its end; what was under way is superseded."""
        self.tick()
        for other in self.acts:
            if other.machine == machine and other.type in LEADS and other.status == "pending":
                other.status = "superseded"
        device = self.devices[machine]
        act = Act(machine, action, before=device["status"])
        act.online_since = act.created
        self.acts.append(act)
        self._show(device, LEADS[action][0])
        return act

    def looked_at(self, machine: str) -> None:
        """A look too soon after an act leaves the sensor pending for good."""
        for act in self.acts:
            soon = time.time() - act.created < self._settle
            if act.machine == machine and act.type in LEADS and act.status == "pending" and soon:
                act.stuck = True

    @staticmethod
    def _show(device: dict[str, Any], status: str, moment: float | None = None) -> None:
        device["status"], device["modified_timestamp"] = status, seconds(moment or time.time())

    def tick(self) -> None:
        """Let what is under way come to its end."""
        for act in self.acts:
            if act.status != "pending":
                continue
            if self.faults.offline(act.type, act.machine):
                act.online_since = None
            elif act.online_since is None:
                act.online_since = time.time()
            elif not act.stuck and time.time() - act.online_since >= self._pending:
                self._end(act, act.online_since + self._pending)

    def _end(self, act: Act, moment: float) -> None:
        failed = self.faults.strike("fail", act.type, act.machine) is not None
        act.status = "failed" if failed else "done"
        if act.type in LEADS:
            self._show(self.devices[act.machine], act.before if failed else LEADS[act.type][1], moment)
        else:
            self.scans[act.id] |= {"status": act.status.replace("done", "completed"), "last_updated": nanoseconds(time.time_ns())}  # fmt: skip

    # --- scans ------------------------------------------------------------------------------------

    def scan(self, machines: list[str], asked: Mapping[str, Any]) -> dict[str, Any]:
        """Take an on-demand scan on: one for all its hosts."""
        act = Act(machines[0], "scan")
        act.online_since = act.created
        self.acts.append(act)
        now = nanoseconds(time.time_ns())
        self.scans[act.id] = {
            "id": act.id, "cid": CID, "description": "", **asked, "status": "pending", "created_on": now, "last_updated": now,
            "filecount": {"scanned": 0, "malicious": 0, "quarantined": 0, "skipped": 0}, "affected_hosts_count": 0,
        }  # fmt: skip
        return self.scans[act.id]

    # --- the second door --------------------------------------------------------------------------

    def portal(self, machine: str, action: str) -> dict[str, Any]:
        """Do what an administrator does in the console."""
        if action == "scan":
            return {"id": self.scan([machine], {"hosts": [machine], "description": "console"})["id"]}
        return {"id": self.act(machine, action).id}

    def cancel(self, item: Mapping[str, Any]) -> bool:
        """Withdraw what is under way: the device is as it was before."""
        self.tick()
        for act in reversed(self.acts):
            asked = act.id == item.get("id") or (act.machine, act.type) == (item.get("machine"), item.get("action"))
            if asked and act.status == "pending":
                act.status = "cancelled"
                if act.type in LEADS:
                    self._show(self.devices[act.machine], act.before)
                else:
                    self.scans[act.id]["status"] = "canceled"
                return True
        return False

    def state(self) -> dict[str, Any]:
        """Return what is so now."""
        self.tick()
        isolated = [one for one, device in self.devices.items() if device["status"] in ("contained", "lift_containment_pending")]  # fmt: skip
        actions = [
            {"id": a.id, "type": a.type, "status": a.status, "machineId": a.machine, "creationDateTimeUtc": nanoseconds(int(a.created * 1e9))}
            for a in self.acts
        ]  # fmt: skip
        return {"isolated": sorted(isolated), "actions": actions, "alerts": len(self.alerts)}

    def add_machine(self, item: dict[str, Any]) -> dict[str, Any]:
        """Add a device."""
        ref, name = str(item.get("id") or uuid.uuid4().hex), str(item.get("computerDnsName", ""))
        now = seconds(time.time())
        self.devices[ref] = {
            "device_id": ref, "cid": CID, "hostname": name.partition(".")[0], "status": "normal", "platform_name": "Windows",
            "platform_id": "0", "os_version": "Windows 11", "product_type_desc": "Workstation", "agent_version": "7.29.19807.0",
            "first_seen": now, "last_seen": now, "modified_timestamp": now, "tags": [], "groups": [],
        }  # fmt: skip
        return {"id": ref, **self.devices[ref]}

    def add_alert(self, item: dict[str, Any]) -> dict[str, Any]:
        """Add an alert; ``machineId``, ``title`` and ``id`` are our words for what Falcon calls otherwise."""
        now = nanoseconds(time.time_ns())
        given = {key: value for key, value in item.items() if key not in ("machineId", "title", "id")}
        ref = str(item.get("id") or item.get("composite_id") or f"{CID}:ind:{uuid.uuid4().hex}")
        old = self.alerts.get(ref, {})
        machine = str(item.get("machineId") or old.get("agent_id") or "")
        fresh = {
            "composite_id": ref, "id": ref.partition(":")[2] or ref, "cid": CID, "agent_id": machine, "created_timestamp": now,
            "timestamp": now, "name": item.get("title", ""), "display_name": item.get("title", ""), "description": "", "severity": 70,
            "severity_name": "High", "status": "new", "product": "epp", "type": "ldt", "tactic": "Malware", "technique": "Malicious File",
            "device": self.devices.get(machine, {"device_id": machine}),
        }  # fmt: skip
        self.alerts[ref] = {**fresh, **old, "updated_timestamp": now, **given}
        return {**self.alerts[ref], "id": ref}
