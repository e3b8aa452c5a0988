"""What the simulated Intune knows: managed devices, and the life of what is asked of them.

Pages: learn.microsoft.com/graph/api/resources/intune-devices-manageddevice, intune-devices-deviceactionresult. A device
carries an act out when it is online; a wiped one leaves Intune. A second wipe is taken on as the first one is.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hinomi.playbooks.simulators.faults import Faults

OPEN = ("pending", "active")
LOCKS = ("iOS", "macOS", "Android")
"""Systems whose screens can be locked from afar."""


def stamp(moment: float) -> str:
    """Return a time as Graph shows it: seven digits."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


@dataclass
class Act:
    """Something asked of a device."""

    machine: str
    name: str
    state: str = "pending"
    created: float = field(default_factory=time.time)
    changed: float = field(default_factory=time.time)
    online_since: float | None = None
    keeps: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


class World:
    """The tenant's data."""

    words: Mapping[str, str] = {"endpoint.lock": "remoteLock", "endpoint.wipe": "wipe"}

    def __init__(self, *, pending: float = 0.15, running: float = 0.25, leaves: float = 60.0, shown: float = 0.0):
        self.devices: dict[str, dict[str, Any]] = {}
        self.acts: list[Act] = []
        self.faults = Faults()
        self._pending, self._running, self._leaves, self._shown = pending, running, leaves, shown

    def ask(self, machine: str, name: str, *, keeps: bool = False) -> Act:
        """Take an act on."""
        act = Act(machine, name, keeps=keeps)
        if name == "remoteLock" and self.devices[machine]["operatingSystem"] not in LOCKS:
            act.state = "notSupported"
        self.acts.append(act)
        return act

    def tick(self) -> None:
        """Let what is open grow as old as it is, and wiped devices leave."""
        now = time.time()
        for act in self.acts:
            if act.state in OPEN and act.machine in self.devices:
                self._grow(act, now)
            gone = act.name == "wipe" and act.state == "done" and not act.keeps and now - act.changed >= self._leaves
            if gone:
                self.devices.pop(act.machine, None)

    def _grow(self, act: Act, now: float) -> None:
        if self.faults.offline(act.name, act.machine):
            act.online_since = None
            return
        if act.online_since is None:
            act.online_since = act.created if now - act.created < 1.0 else now
        age = now - act.online_since
        self.devices[act.machine]["lastSyncDateTime"] = stamp(now)
        if age >= self._pending and act.state == "pending":
            act.state, act.changed = "active", now
        if age >= self._pending + self._running:
            failed = self.faults.strike("fail", act.name, act.machine)
            act.state, act.changed = "failed" if failed else "done", now

    def show(self, machine: str) -> dict[str, Any]:
        """Return a device as Graph shows it, with the results of its acts."""
        shown = [act for act in self.acts if act.machine == machine and time.time() - act.created >= self._shown]
        results = [
            {"actionName": act.name, "actionState": act.state, "startDateTime": stamp(act.created), "lastUpdatedDateTime": stamp(act.changed)}
            for act in shown
        ]  # fmt: skip
        return {**self.devices[machine], "deviceActionResults": results}

    # --- the second door --------------------------------------------------------------------------

    def portal(self, machine: str, action: str) -> dict[str, Any]:
        """Do what an administrator does in the admin centre."""
        self.tick()
        return {"id": self.ask(machine, action).id}

    def cancel(self, item: Mapping[str, Any]) -> bool:
        """Withdraw what is still pending."""
        self.tick()
        for act in reversed(self.acts):
            asked = act.id == item.get("id") or (act.machine, act.name) == (item.get("machine"), item.get("action"))
            if asked and act.state == "pending":
                act.state, act.changed = "canceled", time.time()
                return True
        return False

    def state(self) -> dict[str, Any]:
        """Return what is so now."""
        self.tick()
        actions = [
            {"id": act.id, "type": act.name, "status": act.state, "machineId": act.machine, "creationDateTimeUtc": stamp(act.created)}
            for act in self.acts
        ]  # fmt: skip
        return {"isolated": [], "actions": actions, "alerts": 0, "managed": sorted(self.devices)}

    def add_machine(self, item: dict[str, Any]) -> dict[str, Any]:
        """Add a managed device; ``computerDnsName`` is our word for its name."""
        ref, name = str(item.get("id") or uuid.uuid4()), str(item.get("computerDnsName", ""))
        self.devices[ref] = {
            "id": ref, "deviceName": name.partition(".")[0].upper(), "serialNumber": f"SN{len(self.devices):06d}",
            "operatingSystem": item.get("operatingSystem", "iOS"), "osVersion": "", "managedDeviceOwnerType": "company",
            "complianceState": "compliant", "managementAgent": "mdm", "isEncrypted": True, "azureADDeviceId": str(uuid.uuid4()),
            "enrolledDateTime": stamp(time.time()), "lastSyncDateTime": stamp(time.time()),
        }  # fmt: skip
        return self.devices[ref]

    def add_alert(self, item: dict[str, Any]) -> dict[str, Any]:
        """Intune has no alerts: what is given comes back."""
        return {"id": uuid.uuid4().hex, **item}
