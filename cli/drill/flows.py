"""The flows that can be drilled: which incident it is, and how it begins."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hinomi.cli.acting.letters import check
from hinomi.cli.acting.pages import ask
from hinomi.directory import Device, Person
from hinomi.errors import ConfigError

if TYPE_CHECKING:
    from hinomi.cli.drill.stage import Stage

PROGRAM = "C:\\Users\\Public\\Downloads\\hinomi-drill.exe"
RULE = """\
# The drill's own rule: it matches nothing but the harmless stand-in that the drill itself reports.
title: "DRILL: a stand-in for malware was started"
id: 0d0f2c54-3d0a-4f0e-9b5b-7a1f5c6e0d11
status: stable
description: Written by hinomi drill. No such program exists.
logsource: {product: windows, category: process_creation}
detection:
  standin:
    Image|endswith: '\\hinomi-drill.exe'
  condition: standin
level: critical
hinomi: {category: malware, cause: external, contain: auto, title_ja: 【訓練】擬似インシデント（ウイルス検知）}
"""


@dataclass(frozen=True)
class Flow:
    """One flow. ``facts`` are those that a playbook's `match` is held against; ``of_device``: the incident names a PC."""

    name: str
    title: str
    facts: Mapping[str, str]
    begin: Callable[["Stage"], None]
    of_device: bool = True


def event(device: Device, owner: Person | None, now: datetime) -> dict[str, Any]:
    """Return the one event of the external flow: a program was started that does not exist anywhere."""
    account = owner.accounts[0] if owner and owner.accounts else "DRILL\\drill"
    digest = hashlib.sha1(PROGRAM.encode(), usedforsecurity=False).hexdigest()
    return {
        "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Provider_Name": "Microsoft-Windows-Sysmon",
        "Computer": device.name, "UtcTime": now.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], "ProcessId": 4242, "User": account,
        "Image": PROGRAM, "CommandLine": "hinomi-drill.exe", "ParentImage": "C:\\Windows\\explorer.exe",
        "Hashes": f"SHA1={digest},SHA256={hashlib.sha256(PROGRAM.encode()).hexdigest()}",
    }  # fmt: skip


def _detected(stage: "Stage") -> None:
    plan = stage.plan
    line = json.dumps(event(plan.device, plan.owner, datetime.now(UTC)), ensure_ascii=False).encode() + b"\n"
    headers = {"Authorization": f"Bearer {stage.ingest_key}", "Content-Type": "application/x-ndjson"}
    check(ask("POST", f"http://{stage.ingest}/v1/events/drill", line, headers))


def _reported(kind: str, title: str) -> Callable[["Stage"], None]:
    """Return a beginning in which the PC's owner reports what has happened."""

    def begin(stage: "Stage") -> None:
        plan = stage.plan
        if plan.owner is None:
            raise ConfigError(f"{plan.device.id} has no owner who could report it", hint="name another with --device")
        about = {
            "cause": "internal",
            "kind": kind,
            "reported_by": plan.owner.id,
            "title": f"【訓練】{title}",
            "what": "訓練のための報告",
        }
        lost = {"device": plan.device.id} if kind == "lost_device" else {}
        stage.admin.call("POST", "incidents", about | lost)

    return begin


def _internal(name: str, kind: str, severity: str, title: str) -> Flow:
    facts = {"cause": "internal", "category": kind, "severity": severity}
    return Flow(name, f"内部要因：{title}", facts, _reported(kind, title), of_device=kind == "lost_device")


EXTERNAL = {"cause": "external", "category": "malware", "severity": "critical"}
FLOWS = {
    flow.name: flow
    for flow in (
        Flow("external", "外部要因：ウイルス検知", EXTERNAL, _detected),
        _internal("lost-device", "lost_device", "high", "端末の紛失・盗難"),
        _internal("missent", "missent", "medium", "誤送信"),
    )
}
