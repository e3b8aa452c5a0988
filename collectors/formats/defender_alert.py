"""Microsoft Defender for Endpoint alert, as ``GET /api/alerts?$expand=evidence`` gives it.

Page: learn.microsoft.com/defender-endpoint/api/alerts (resource type alert). Times have 7 digits; an
updated alert is a new version of the same vendor id. Any key may be null or missing but ``id``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hinomi.collectors.documents import document, text
from hinomi.collectors.formats import formats
from hinomi.collectors.related import as_ip, relate
from hinomi.collectors.times import to_iso
from hinomi.event import Event, RawRecord

#: ECS has a number; Defender a word, which stays in ``log.level``.
SEVERITY = {"informational": 1, "unspecified": 1, "low": 2, "medium": 3, "high": 4}
#: Status → event.type: an alert begins, is worked on, ends.
TYPES = {"new": ("creation", "start"), "inprogress": ("change",), "resolved": ("end",)}
#: What only an alert of this product has, any of them beside ``id``.
_MARKS = ("machineId", "alertCreationTime", "detectionSource", "investigationState")


@formats.register("defender.alert")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one alert; any other JSON is left to the next format."""
    value, repaired = document(record)
    if not value.get("id") or not any(value.get(mark) for mark in _MARKS):
        return ()
    if sum(key in value for key in ("severity", "status", "title", "category")) < 2:
        return ()
    event = _alert(value)
    evidence = value.get("evidence")
    items = [item for item in (evidence if isinstance(evidence, list) else [evidence]) if isinstance(item, dict)]
    for item in items:
        _evidence(event, item, text(value.get("machineId")))
    if "process.pid" in event or "process.executable" in event:
        event["event.category"].append("process")
    _processes_file(event)
    event = {name: item for name, item in event.items() if item not in (None, "", [])}
    relate(event)
    if repaired:
        event["hinomi.original.repaired"] = repaired
    return (event,)


def _alert(value: Mapping[str, Any]) -> Event:
    severity = text(value.get("severity")).lower()
    status = text(value.get("status")).lower()
    created = to_iso(text(value.get("alertCreationTime")))
    start, end = to_iso(text(value.get("firstEventTime"))), to_iso(text(value.get("lastEventTime")))
    given = value.get("mitreTechniques")
    techniques = [str(t) for t in given if t] if isinstance(given, list) else []
    category = text(value.get("category"))
    host = text(value.get("computerDnsName"))
    name, domain = _user(value.get("relatedUser"))
    event: Event = {
        "event.kind": "alert", "event.category": ["malware" if _malware(value) else "intrusion_detection", "host"],
        "event.type": list(TYPES.get(status, ("info",))),
        "event.module": "microsoft_defender_endpoint", "event.dataset": "defender.alert",
        "event.id": text(value["id"]), "event.severity": SEVERITY.get(severity, 1), "log.level": severity,
        "event.created": created, "event.start": start, "event.end": end, "event.duration": _nanoseconds(start, end),
        "event.provider": text(value.get("detectionSource")), "event.action": category, "event.outcome": "unknown",
        "observer.vendor": "Microsoft", "observer.product": "Defender for Endpoint", "observer.name": text(value.get("detectionSource")),
        "cloud.provider": "azure", "cloud.account.id": text(value.get("aadTenantId")), "cloud.instance.id": text(value.get("machineId")),
        "rule.id": text(value.get("detectorId")), "rule.name": text(value.get("title")), "rule.category": category,
        "rule.description": text(value.get("description")), "message": text(value.get("title")),
        "host.id": text(value.get("machineId")), "host.name": host, "host.hostname": host.partition(".")[0],
        "threat.technique.id": techniques, "threat.technique.name": [category] if category else [], "threat.framework": "MITRE ATT&CK",
        "threat.software.name": text(value.get("threatName")), "labels.status": text(value.get("status")),
        "labels.classification": text(value.get("classification")), "labels.determination": text(value.get("determination")),
        "labels.threat_family": text(value.get("threatFamilyName")), "labels.incident_id": text(value.get("incidentId")),
        "labels.last_update": text(value.get("lastUpdateTime")), "user.name": name, "user.domain": domain,
    }  # fmt: skip
    if seen := end or start or created:
        event["@timestamp"] = seen
    return event


def _user(related: Any) -> tuple[str, str]:
    if isinstance(related, dict):
        return text(related.get("userName")), text(related.get("domainName"))
    domain, _, name = text(related).rpartition("\\")
    return name, domain


def _nanoseconds(start: str | None, end: str | None) -> int | None:
    if start is None or end is None:
        return None
    gap = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return (gap.days * 86_400 + gap.seconds) * 1_000_000_000 + gap.microseconds * 1000


def _malware(value: Mapping[str, Any]) -> bool:
    return text(value.get("category")).lower() in ("malware", "ransomware") or bool(value.get("threatFamilyName"))


def _evidence(event: Event, item: Mapping[str, Any], machine: str) -> None:
    kind = text(item.get("entityType")).lower()
    if kind == "file":
        _file(event, item, "file")
    elif kind == "process":
        _process(event, item)
    elif kind == "user" and item.get("accountName"):
        if event.get("user.name") in (None, "", text(item["accountName"])):
            for name, key in (
                ("name", "accountName"),
                ("domain", "domainName"),
                ("email", "userPrincipalName"),
                ("id", "userSid"),
            ):
                _fill(event, f"user.{name}", text(item.get(key)))
    elif kind == "ip" and (address := as_ip(text(item.get("ipAddress")))):
        _fill(event, "destination.ip", address)
    elif kind == "url" and item.get("url"):
        _fill(event, "url.original", text(item["url"]))


def _fill(event: Event, name: str, value: Any) -> None:
    """Set a field that no earlier evidence set: an empty one there is none."""
    if event.get(name) in (None, "") and value not in (None, ""):
        event[name] = value


def _process(event: Event, item: Mapping[str, Any]) -> None:
    if "process.executable" in event or "process.command_line" in event:
        return  # the first process of an alert is the one it is about; mixing two would make a third
    _file(event, item, "process")
    _fill(event, "process.command_line", text(item.get("processCommandLine")))
    _fill(event, "process.start", to_iso(text(item.get("processCreationTime"))))
    _fill(event, "process.parent.start", to_iso(text(item.get("parentProcessCreationTime"))))
    for name, key in (("process.pid", "processId"), ("process.parent.pid", "parentProcessId")):
        if isinstance(item.get(key), int) and not isinstance(item[key], bool):
            _fill(event, name, item[key])
    parent, folder = text(item.get("parentProcessFileName")), text(item.get("parentProcessFilePath"))
    if parent:
        _fill(event, "process.parent.name", parent)
        _fill(event, "process.parent.executable", _path(folder, parent))
    if item.get("accountName"):
        _account(event, item)


def _account(event: Event, item: Mapping[str, Any]) -> None:
    """Take an account's names and ids, unless the alert is about somebody else."""
    if event.get("user.name") not in (None, "", text(item["accountName"])):
        return
    for name, key in (
        ("name", "accountName"),
        ("domain", "domainName"),
        ("id", "userSid"),
        ("email", "userPrincipalName"),
    ):
        _fill(event, f"user.{name}", text(item.get(key)))


def _path(folder: str, name: str) -> str:
    """Return folder and name as one path; some alerts give the whole path as the folder."""
    if not folder or folder.lower().rpartition("\\")[2] == name.lower():
        return folder or name
    return f"{folder.rstrip(chr(92))}\\{name}"


def _file(event: Event, item: Mapping[str, Any], entity: str) -> None:
    if any(event.get(f"{entity}.{leaf}") for leaf in ("name", "hash.sha1", "hash.sha256")):
        return  # the first file is the one the alert is about; its hashes are not mixed with another's
    name, folder = text(item.get("fileName")), text(item.get("filePath"))
    _fill(event, f"{entity}.name", name)
    if name:
        _fill(event, "file.path" if entity == "file" else "process.executable", _path(folder, name))
        if entity == "file":
            _fill(event, "file.directory", event["file.path"].rpartition("\\")[0])
            if "." in name:
                _fill(event, "file.extension", name.rpartition(".")[2])
    for digest in ("sha1", "sha256", "md5"):
        _fill(event, f"{entity}.hash.{digest}", text(item.get(digest)).lower())


def _processes_file(event: Event) -> None:
    """Where an alert names a process and no file, the file is the one that runs."""
    if any(name.startswith("file.") for name in event):
        return
    for leaf in ("name", "hash.sha1", "hash.sha256"):
        if value := event.get(f"process.{leaf}"):
            event[f"file.{leaf}"] = value
    if path := event.get("process.executable"):
        event["file.path"], event["file.directory"] = path, path.rpartition("\\")[0]
