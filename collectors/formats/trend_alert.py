"""Trend Vision One Workbench alert, as ``GET /v3.0/workbench/alerts`` gives it.

Page: automation.trendmicro.com/xdr/api-v3 (Workbench). Who and what is in ``impactScope.entities`` and ``indicators``, both
lists; the first host counts. An updated alert is a new version of the same ``id``. Any other key may be null or missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hinomi.collectors.documents import document, objects, text
from hinomi.collectors.formats import formats
from hinomi.collectors.related import as_ip, relate
from hinomi.collectors.times import to_iso
from hinomi.event import Event, RawRecord

#: ECS has a number; Vision One a word, which stays in ``log.level``.
SEVERITY = {"low": 2, "medium": 3, "high": 4, "critical": 5}
#: Status → event.type: an alert begins, is worked on, ends.
TYPES = {"open": ("creation", "start"), "in progress": ("change",), "closed": ("end",)}
MALWARE = ("malware", "ransom", "trojan", "virus", "worm", "backdoor", "coinminer")
#: Type of an indicator, or the field it was found in, → where it stands; the first of a kind counts.
FIELDS = {
    "processCmd": "process.command_line", "objectCmd": "process.command_line", "parentCmd": "process.parent.command_line",
    "processFilePath": "process.executable", "parentFilePath": "process.parent.executable", "processPid": "process.pid",
    "processFileHashSha1": "process.hash.sha1", "processFileHashSha256": "process.hash.sha256",
}  # fmt: skip
KINDS = {
    "command_line": "process.command_line", "fullpath": "file.path", "filename": "file.name", "file_sha1": "file.hash.sha1",
    "file_sha256": "file.hash.sha256", "url": "url.original", "domain": "destination.domain", "registry_key": "registry.key",
    "registry_value": "registry.value", "detection_name": "threat.software.name", "user_account": "user.name",
}  # fmt: skip
_MARKS = ("impactScope", "workbenchLink", "alertProvider", "matchedRules", "modelId")


@formats.register("trend.alert")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one alert; any other JSON is left to the next format."""
    value, repaired = document(record)
    if not value.get("id") or sum(key in value for key in _MARKS) < 2:
        return ()
    event = _alert(value) | _entities(value)
    for item in objects(value.get("indicators")):
        _indicator(event, item)
    _derive(event)
    event = {name: item for name, item in event.items() if item not in (None, "", [])}
    relate(event)
    if repaired:
        event["hinomi.original.repaired"] = repaired
    return (event,)


def _alert(value: Mapping[str, Any]) -> Event:
    severity = text(value.get("severity")).lower()
    created, title = to_iso(text(value.get("createdDateTime"))), text(value.get("model"))
    filters = [item for rule in objects(value.get("matchedRules")) for item in objects(rule.get("matchedFilters"))]
    matched = sorted(found for item in filters if (found := to_iso(text(item.get("matchedDateTime")))))
    techniques = [text(one).rpartition(".T")[2] for item in filters for one in _several(item.get("mitreTechniqueIds"))]
    event: Event = {
        "event.kind": "alert", "event.category": ["malware" if _malware(value) else "intrusion_detection", "host"],
        "event.type": list(TYPES.get(text(value.get("status")).lower(), ("info",))),
        "event.module": "trend", "event.dataset": "trend.alert", "event.id": text(value["id"]),
        "event.severity": SEVERITY.get(severity, 1), "log.level": severity, "event.risk_score": _score(value.get("score")),
        "event.created": created, "event.start": matched[0] if matched else None, "event.end": matched[-1] if matched else None,
        "event.provider": text(value.get("alertProvider")), "event.action": text(value.get("modelType")),
        "event.reference": text(value.get("workbenchLink")), "event.outcome": "unknown", "observer.vendor": "Trend Micro",
        "observer.product": "Vision One", "rule.id": text(value.get("modelId")), "rule.name": title,
        "rule.ruleset": [text(rule.get("name")) for rule in objects(value.get("matchedRules"))][:1],
        "rule.description": text(value.get("description")), "message": text(value.get("description")) or title,
        "threat.framework": "MITRE ATT&CK", "threat.technique.id": list(dict.fromkeys(f"T{one.removeprefix('T')}" for one in techniques if one)),
        "labels.status": text(value.get("status")), "labels.investigation": text(value.get("investigationResult")),
        "labels.incident_id": text(value.get("incidentId")), "labels.last_update": text(value.get("updatedDateTime")),
    }  # fmt: skip
    event["rule.ruleset"] = event["rule.ruleset"][0] if event["rule.ruleset"] else ""
    if moment := event["event.end"] or created:
        event["@timestamp"] = moment
    return event


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _score(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _malware(value: Mapping[str, Any]) -> bool:
    words = f"{text(value.get('model'))} {text(value.get('description'))}".lower()
    named = any(item.get("type") in ("detection_name", "malware_name") for item in objects(value.get("indicators")))
    return named or any(word in words for word in MALWARE)


def _entities(value: Mapping[str, Any]) -> Event:
    scope = value.get("impactScope")
    event: Event = {}
    for item in objects(scope.get("entities") if isinstance(scope, dict) else None):
        inner = item.get("entityValue")
        if item.get("entityType") == "host" and isinstance(inner, dict) and "host.id" not in event:
            name, addresses = text(inner.get("name")), [as_ip(text(one)) for one in _several(inner.get("ips"))]
            event |= {"host.id": text(inner.get("guid")), "host.name": name, "host.hostname": name.partition(".")[0],
                      "host.ip": [one for one in addresses if one]}  # fmt: skip
        elif item.get("entityType") == "account" and "user.name" not in event:
            account = text(inner) or text(inner.get("name") if isinstance(inner, dict) else None)
            domain, _, name = account.rpartition("\\")
            event |= {"user.name": name, "user.domain": domain}
        elif item.get("entityType") == "emailAddress" and "user.email" not in event:
            event["user.email"] = text(inner)
    return event


def _indicator(event: Event, item: Mapping[str, Any]) -> None:
    kind, said = text(item.get("type")).lower(), text(item.get("value"))
    name = FIELDS.get(text(item.get("field"))) or KINDS.get(kind, "")
    if kind == "ip":
        name, said = "destination.ip", as_ip(said) or ""
    if name.endswith(("sha1", "sha256")):
        said = said.lower()
    if not name or not said or event.get(name):
        return
    if name.endswith(".pid"):
        if said.isdecimal() and len(said) < 10:
            event[name] = int(said)
    else:
        event[name] = said


def _derive(event: Event) -> None:
    """Names and folders that a path says."""
    for entity, path in (("file", "file.path"), ("process", "process.executable"), ("process.parent", "process.parent.executable")):  # fmt: skip
        if where := event.get(path):
            event.setdefault(f"{entity}.name", where.rpartition("\\")[2])
    if where := event.get("file.path"):
        event["file.directory"] = where.rpartition("\\")[0]
    if "." in (name := str(event.get("file.name", ""))):
        event["file.extension"] = name.rpartition(".")[2]
    if any(name.startswith("process.") for name in event):
        event["event.category"] = [*event["event.category"], "process"]
