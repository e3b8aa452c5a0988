"""CrowdStrike Falcon alert, as ``POST /alerts/entities/alerts/v2`` gives it.

Page: developer.crowdstrike.com/api-reference/collections/alerts (PostEntitiesAlertsV2). Times have 9 digits, those of processes
are seconds since 1970; an updated alert is a new version of the same ``composite_id``. Any other key may be null or missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hinomi.collectors.documents import document, number, part, text
from hinomi.collectors.formats import formats
from hinomi.collectors.related import as_ip, relate
from hinomi.collectors.times import to_iso
from hinomi.event import Event, RawRecord

#: Status → event.type: an alert begins, is worked on, ends.
TYPES = {"new": ("creation", "start"), "in_progress": ("change",), "reopened": ("change",), "closed": ("end",)}
#: Words of the product's tactics and techniques that mean malware, not behaviour.
MALWARE = ("malware", "ransomware", "machine learning", "sensor-based ml", "cloud-based ml", "malicious file", "adware")
#: What the sensor did about it, by the flags of ``pattern_disposition_details``.
PREVENTED = (
    "kill_process", "kill_subprocess", "kill_parent", "quarantine_file", "quarantine_machine", "operation_blocked", "process_blocked",
    "registry_operation_blocked", "fs_operation_blocked",
)  # fmt: skip
#: What only an alert of this product has, beside ``composite_id``.
_MARKS = ("created_timestamp", "updated_timestamp", "severity_name", "agent_id", "device")


@formats.register("crowdstrike.alert")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one alert; any other JSON is left to the next format."""
    value, repaired = document(record)
    if not value.get("composite_id"):
        return ()
    if sum(key in value for key in _MARKS) < 2:
        return ()
    said = _alert(value) | _host(value) | _process(value, "process.") | _file(value)
    event = {name: item for name, item in said.items() if item not in (None, "", [])}
    _acted(event, value)
    if "process.pid" in event or "process.executable" in event:
        event["event.category"] = [*event["event.category"], "process"]
    relate(event)
    if repaired:
        event["hinomi.original.repaired"] = repaired
    return (event,)


def _alert(value: Mapping[str, Any]) -> Event:
    name = text(value.get("display_name")) or text(value.get("name"))
    words = f"{text(value.get('tactic'))}/{text(value.get('technique'))}/{text(value.get('scenario'))}".lower()
    malware = any(word in words for word in MALWARE)
    created, seen = to_iso(text(value.get("created_timestamp"))), to_iso(text(value.get("timestamp")))
    tactic, technique = text(value.get("tactic_id")), text(value.get("technique_id"))
    event: Event = {
        "event.kind": "alert", "event.category": ["malware" if malware else "intrusion_detection", "host"],
        "event.type": list(TYPES.get(text(value.get("status")).lower(), ("info",))),
        "event.module": "crowdstrike", "event.dataset": "crowdstrike.alert", "event.id": text(value["composite_id"]),
        "event.severity": number(value.get("severity")), "log.level": text(value.get("severity_name")).lower(),
        "event.created": created, "event.start": to_iso(text(value.get("context_timestamp"))),
        "event.provider": text(value.get("product")), "event.action": text(value.get("scenario")) or text(value.get("type")),
        "event.reference": text(value.get("falcon_host_link")), "event.outcome": "unknown",
        "observer.vendor": "CrowdStrike", "observer.product": "Falcon", "cloud.account.id": text(value.get("cid")),
        "rule.id": text(value.get("pattern_id")), "rule.name": name, "rule.category": text(value.get("tactic")),
        "rule.description": text(value.get("description")), "message": text(value.get("description")) or name,
        "threat.framework": "MITRE ATT&CK", "threat.tactic.name": _listed(value.get("tactic")), "threat.tactic.id": [tactic] if tactic.startswith("TA") else [],
        "threat.technique.name": _listed(value.get("technique")), "threat.technique.id": [technique] if technique.startswith("T") else [],
        "user.name": text(value.get("user_name")), "user.id": text(value.get("user_id")), "user.domain": text(value.get("logon_domain")),
        "labels.status": text(value.get("status")), "labels.last_update": text(value.get("updated_timestamp")),
        "labels.objective": text(value.get("objective")), "labels.incident_id": text(value.get("aggregate_id")),
    }  # fmt: skip
    if moment := seen or created:
        event["@timestamp"] = moment
    return event


def _listed(value: Any) -> list[str]:
    return [word] if (word := text(value)) else []


def _host(value: Mapping[str, Any]) -> Event:
    device = part(value, "device")
    name = text(device.get("hostname")) or text(value.get("host_name"))
    local, mac = as_ip(text(device.get("local_ip"))), text(device.get("mac_address")).upper().replace(":", "-")
    return {
        "host.id": text(device.get("device_id")) or text(value.get("agent_id")), "host.name": name, "host.hostname": name.partition(".")[0],
        "host.domain": text(device.get("machine_domain")), "host.ip": [local] if local else [], "host.mac": [mac] if mac else [],
        "host.os.full": text(device.get("os_version")), "host.os.platform": text(device.get("platform_name")).lower(),
        "host.type": text(device.get("product_type_desc")).lower(), "agent.id": text(value.get("agent_id")),
        "agent.version": text(device.get("agent_version")),
    }  # fmt: skip


def _process(value: Mapping[str, Any], prefix: str) -> Event:
    """Return what an alert, or its parent's part, says of a process; ids of our own kind are the sensor's, pids Windows'."""
    hashes = {f"{prefix}hash.{name}": _digest(value.get(name)) for name in ("sha256", "sha1", "md5")}
    found: Event = {
        f"{prefix}name": text(value.get("filename")), f"{prefix}executable": text(value.get("filepath")),
        f"{prefix}command_line": text(value.get("cmdline")), f"{prefix}pid": number(value.get("local_process_id")),
        f"{prefix}entity_id": text(value.get("process_id")), f"{prefix}start": _moment(value.get("process_start_time")),
        f"{prefix}end": _moment(value.get("process_end_time")), **hashes,
    }  # fmt: skip
    if prefix == "process.":
        found |= _process(part(value, "parent_details"), "process.parent.")
    return found


def _moment(value: Any) -> str | None:
    """Return a process's time; 0 stands for none."""
    return to_iso(moment) if len(moment := text(value)) >= 10 else None


def _digest(value: Any) -> str:
    """Return a hash; the sensor writes zeros where it has none."""
    digits = text(value).lower()
    return digits if digits.strip("0") else ""


def _acted(event: Event, value: Mapping[str, Any]) -> None:
    """Say what the sensor did about it."""
    done = part(value, "pattern_disposition_details")
    if words := text(value.get("pattern_disposition_description")):
        event["labels.disposition"] = words
    if prevented := [name for name in PREVENTED if done.get(name) is True]:
        event["event.outcome"], event["labels.prevented"] = "success", prevented
        event["event.type"] = [*event["event.type"], "denied"]


def _file(value: Mapping[str, Any]) -> Event:
    """The file is the one in quarantine, else the one that runs."""
    files = value.get("quarantined_files")
    first = next((item for item in files if isinstance(item, dict)), {}) if isinstance(files, list) else {}
    path = text(first.get("filename")) or text(value.get("filepath"))
    name = path.replace("/", "\\").rpartition("\\")[2] or text(value.get("filename"))
    own = not first or _digest(first.get("sha256")) == _digest(value.get("sha256"))
    hashes = {f"file.hash.{kind}": _digest(value.get(kind)) for kind in ("sha256", "sha1", "md5")} if own else {}
    return {
        "file.path": path, "file.name": name, "file.directory": path.rpartition("\\")[0], "file.hash.sha256": _digest(first.get("sha256")),
        "file.extension": name.rpartition(".")[2] if "." in name else "", **hashes,
    }  # fmt: skip
