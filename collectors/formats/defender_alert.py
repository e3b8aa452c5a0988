"""Microsoft Defender for Endpoint alert, as ``GET /api/alerts?$expand=evidence`` gives it.

Page: learn.microsoft.com/defender-endpoint/api/alerts (resource type alert). Times have 7 digits; an
updated alert is a new version of the same vendor id.
"""

from collections.abc import Sequence
from typing import Any

from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.times import to_iso
from hinomi.collectors.values import loads
from hinomi.event import Event, RawRecord

#: ECS has a number; Defender a word. The word stays in ``event.risk_score_norm``'s neighbour, the log level.
SEVERITY = {"informational": 1, "low": 2, "medium": 3, "high": 4}


@formats.register("defender.alert")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one alert; any other JSON is left to the next format."""
    if not record.raw.lstrip().startswith(b"{"):
        return ()
    value, repaired = loads(decode(record.raw, record.encoding).text)
    if not isinstance(value, dict) or "id" not in value or "machineId" not in value or "severity" not in value:
        return ()
    event = _alert(value)
    for item in value.get("evidence") or ():
        if isinstance(item, dict):
            _evidence(event, item)
    if repaired:
        event["hinomi.original.repaired"] = repaired
    return ({name: item for name, item in event.items() if item not in (None, "", [])},)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _alert(value: dict[str, Any]) -> Event:
    severity = _text(value["severity"]).lower()
    created = to_iso(_text(value.get("alertCreationTime"))) or None
    seen = to_iso(_text(value.get("lastEventTime"))) or to_iso(_text(value.get("firstEventTime"))) or created
    techniques = [str(t) for t in value.get("mitreTechniques") or ()]
    event: Event = {
        "event.kind": "alert", "event.category": ["malware"] if _malware(value) else ["intrusion_detection"],
        "event.type": ["info"], "event.module": "microsoft_defender_endpoint", "event.dataset": "defender.alert",
        "event.id": _text(value["id"]), "event.severity": SEVERITY.get(severity, 1), "log.level": severity,
        "event.created": created, "event.start": to_iso(_text(value.get("firstEventTime"))),
        "event.end": to_iso(_text(value.get("lastEventTime"))), "event.provider": _text(value.get("detectionSource")),
        "event.action": _text(value.get("category")), "event.outcome": "unknown",
        "rule.id": _text(value.get("detectorId")), "rule.name": _text(value.get("title")), "rule.category": _text(value.get("category")),
        "rule.description": _text(value.get("description")), "message": _text(value.get("title")),
        "host.id": _text(value["machineId"]), "host.name": _text(value.get("computerDnsName")),
        "threat.technique.id": techniques, "threat.framework": "MITRE ATT&CK" if techniques else "",
        "threat.software.name": _text(value.get("threatName")), "labels.status": _text(value.get("status")),
        "labels.determination": _text(value.get("determination")), "labels.threat_family": _text(value.get("threatFamilyName")),
        "labels.last_update": _text(value.get("lastUpdateTime")),
    }  # fmt: skip
    if seen:
        event["@timestamp"] = seen
    user = value.get("relatedUser")
    if isinstance(user, dict):
        event["user.name"], event["user.domain"] = _text(user.get("userName")), _text(user.get("domainName"))
    return event


def _malware(value: dict[str, Any]) -> bool:
    return _text(value.get("category")).lower() in ("malware", "ransomware") or bool(value.get("threatFamilyName"))


def _evidence(event: Event, item: dict[str, Any]) -> None:
    kind = _text(item.get("entityType")).lower()
    if kind == "file":
        _file(event, item, "file")
    elif kind == "process":
        event.setdefault("process.command_line", _text(item.get("processCommandLine")))
        if isinstance(item.get("processId"), int):
            event.setdefault("process.pid", item["processId"])
        _file(event, item, "process")
    elif kind == "user" and item.get("accountName"):
        event.setdefault("user.name", _text(item["accountName"]))
        event.setdefault("user.domain", _text(item.get("domainName")))
        event.setdefault("user.email", _text(item.get("userPrincipalName")))
    elif kind == "ip" and item.get("ipAddress"):
        event.setdefault("destination.ip", _text(item["ipAddress"]))
    elif kind == "url" and item.get("url"):
        event.setdefault("url.original", _text(item["url"]))


def _file(event: Event, item: dict[str, Any], entity: str) -> None:
    name, folder = _text(item.get("fileName")), _text(item.get("filePath"))
    event.setdefault(f"{entity}.name", name)
    if name:
        path = (
            f"{folder.rstrip(chr(92))}\\{name}"
            if folder and not folder.lower().endswith(name.lower())
            else folder or name
        )
        event.setdefault("file.path" if entity == "file" else "process.executable", path)
    for digest in ("sha1", "sha256"):
        if item.get(digest):
            event.setdefault(f"{entity}.hash.{digest}", _text(item[digest]).lower())
