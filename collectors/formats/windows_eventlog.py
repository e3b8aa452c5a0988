"""Windows event log as JSON: flat (NXLog), Winlogbeat's ``winlog`` tree, and evtx_dump's ``Event`` tree.

Shapes: elastic.co/docs winlogbeat fields; github.com/omerbenamram/evtx JSON; flat keys as agents send them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from hinomi.collectors import winlog
from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.times import to_iso
from hinomi.collectors.values import loads
from hinomi.event import Event, RawRecord, flat

#: Keys of a flat record that describe the record, not the event's data.
_SYSTEM = {
    "EventID", "Channel", "Computer", "Hostname", "Provider_Name", "ProviderName", "SourceName", "@timestamp", "EventTime",
    "TimeCreated", "UtcTime", "RecordNumber", "EventRecordID", "ProviderGuid", "Version", "Level", "Task", "Opcode",
    "OpcodeValue", "Keywords", "ThreadID", "ExecutionProcessID", "Severity", "SeverityValue", "EventType", "Category",
    "EventReceivedTime", "SourceModuleName", "SourceModuleType", "Message", "AccountName", "AccountType", "Domain",
    "UserID", "host", "port", "tags", "@version", "ActivityID", "RuleName",
}  # fmt: skip
_HASHES = {
    "md5": "hash.md5",
    "sha1": "hash.sha1",
    "sha256": "hash.sha256",
    "sha512": "hash.sha512",
    "imphash": "pe.imphash",
}


#: Field sets that a sender may have filled itself (Elastic's pipelines move event data there), and what it says of the event.
_ECS = frozenset(
    ("process", "file", "dll", "registry", "dns", "network", "source", "destination", "user", "group", "service", "url", "rule",
     "threat", "hash", "pe", "code_signature", "powershell", "email")
)  # fmt: skip
_ECS_EVENT = frozenset(f"event.{name}" for name in ("category", "type", "action", "outcome"))


def _own_ecs(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k.partition(".")[0] in _ECS or k in _ECS_EVENT}


_TRUTH = {"true": True, "false": False, "1": True, "0": False}


class _Record:
    """The same facts, whatever the shape."""

    def __init__(self, system: Mapping[str, Any], data: Mapping[str, Any], ecs: Mapping[str, Any] | None = None):
        self.system, self.data, self.ecs = system, data, ecs or {}


@formats.register("windows.eventlog")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one event; JSON that is none is left to the next format."""
    raw = record.raw.lstrip()
    if not raw.startswith((b"{", b"\xef\xbb\xbf{", b"\xff\xfe")):
        return ()
    value, repaired = loads(decode(raw, record.encoding).text.lstrip("\ufeff"))
    if not isinstance(value, dict):
        return ()
    found = _shape(value)
    if found is None:
        return ()
    event = _event(found)
    if event is None:
        return ()
    if repaired:
        event["hinomi.original.repaired"] = repaired
    return (event,)


def _shape(value: dict[str, Any]) -> _Record | None:
    if "EventID" in value and ("Channel" in value or "Provider_Name" in value or "SourceName" in value):
        return _Record(value, {k: v for k, v in value.items() if k not in _SYSTEM and k[:1] not in "@_"})
    if isinstance(value.get("Event"), dict):
        return _from_evtx(value["Event"])
    if isinstance(value.get("winlog"), dict):
        return _from_winlogbeat(value)
    if any(key.startswith("winlog.") for key in value):
        tree: dict[str, Any] = {}
        data: dict[str, Any] = {}
        for key, item in value.items():
            (data if key.startswith("winlog.event_data.") else tree)[key.removeprefix("winlog.event_data.")] = item
        return _Record(_winlog_system(tree), data, _own_ecs(tree))
    return None


def _from_evtx(tree: dict[str, Any]) -> _Record | None:
    system = tree.get("System")
    if not isinstance(system, dict):
        return None
    event_id = system.get("EventID")
    provider = system.get("Provider")
    created = system.get("TimeCreated")
    flat_system = {
        "EventID": event_id.get("#text") if isinstance(event_id, dict) else event_id,
        "Channel": system.get("Channel"),
        "Computer": system.get("Computer"),
        "Provider_Name": provider.get("#attributes", {}).get("Name") if isinstance(provider, dict) else provider,
        "TimeCreated": created.get("#attributes", {}).get("SystemTime") if isinstance(created, dict) else created,
        "EventRecordID": system.get("EventRecordID"),
        "Level": system.get("Level"),
        "Keywords": system.get("Keywords"),
    }
    data: dict[str, Any] = {}
    for part in ("EventData", "UserData"):
        content = tree.get(part)
        if isinstance(content, dict):
            inner = content if part == "EventData" else next((v for v in content.values() if isinstance(v, dict)), {})
            data |= {k.replace(" ", ""): v for k, v in inner.items() if k != "#attributes"}
    return _Record(flat_system, data)


def _from_winlogbeat(value: dict[str, Any]) -> _Record:
    tree = dict(flat({k: v for k, v in value.items() if k != "winlog"}))
    inner = value["winlog"]
    data = inner.get("event_data")
    user_data = inner.get("user_data")
    tree |= {
        f"winlog.{k}": v for k, v in flat({k: v for k, v in inner.items() if k not in ("event_data", "user_data")})
    }
    return _Record(
        _winlog_system(tree),
        {**(user_data if isinstance(user_data, dict) else {}), **(data if isinstance(data, dict) else {})},
        _own_ecs(tree),
    )


def _winlog_system(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "EventID": tree.get("winlog.event_id", tree.get("event.code")),
        "Channel": tree.get("winlog.channel"),
        "Computer": tree.get("winlog.computer_name", tree.get("host.name")),
        "Provider_Name": tree.get("winlog.provider_name", tree.get("event.provider")),
        "TimeCreated": tree.get("@timestamp") or tree.get("winlog.time_created"),
        "EventRecordID": tree.get("winlog.record_id"),
        "Message": tree.get("message"),
    }


@lru_cache(maxsize=4096)
def _plan(channel: str, event_id: int) -> tuple[dict[str, str], str, tuple[list[str], list[str], str] | None, str]:
    return (
        winlog.mapping(channel, event_id),
        winlog.dataset(channel),
        winlog.KINDS.get((channel, event_id)),
        winlog.HASH_OWNER.get(event_id, "process") if channel == winlog.SYSMON else "process",
    )


def _event(found: _Record) -> Event | None:
    system = found.system
    try:
        event_id = int(str(system.get("EventID")))
    except ValueError:
        return None
    channel = str(system.get("Channel") or system.get("Provider_Name") or system.get("SourceName") or "")
    names, dataset, kind, owner = _plan(channel, event_id)
    event: Event = {
        "event.kind": "event",
        "event.module": "windows",
        "event.dataset": dataset,
        "event.code": str(event_id),
    }
    if kind:
        event["event.category"], event["event.type"], event["event.action"] = list(kind[0]), list(kind[1]), kind[2]
    _write_system(event, system, channel)
    for name, value in found.data.items():
        if value is None:
            continue
        if name == "Hashes" or (name == "Hash" and isinstance(value, str) and "=" in value):
            _hashes(event, str(value), owner)
        elif name == "Initiated":
            event["network.direction"] = "egress" if str(value).lower() == "true" else "ingress"
        else:
            _write(event, names.get(name, f"winlog.event_data.{name}"), value)
    event |= found.ecs
    _derive(event)
    return event


def _write_system(event: Event, system: Mapping[str, Any], channel: str) -> None:
    event["winlog.channel"] = channel
    if provider := system.get("Provider_Name") or system.get("ProviderName") or system.get("SourceName"):
        event["event.provider"] = str(provider)
    if computer := system.get("Computer") or system.get("Hostname"):
        event["host.name"] = str(computer)
    if record_id := system.get("EventRecordID") or system.get("RecordNumber"):
        event["winlog.record_id"] = str(record_id)
    if message := system.get("Message"):
        event["message"] = str(message)
    for name in ("@timestamp", "TimeCreated", "UtcTime", "EventTime"):
        if (text := system.get(name)) and (moment := to_iso(str(text), "UTC")):
            event["@timestamp"] = moment
            break
    if (kind := system.get("EventType")) and kind not in ("INFO", "AUDIT_SUCCESS", "AUDIT_FAILURE", "WARNING", "ERROR"):
        event["winlog.event_data.EventType"] = str(kind)
    if (rule := system.get("RuleName")) and rule != "-":
        event["rule.name"] = str(rule)
    keywords = str(system.get("Keywords") or "")
    if keywords.lower() in ("0x8020000000000000", "-9214364837600034816"):
        event["event.outcome"] = "success"
    elif keywords.lower() in ("0x8010000000000000", "-9218868437227405312"):
        event["event.outcome"] = "failure"


def _write(event: Event, name: str, value: Any) -> None:
    if value in ("", "-") and name in winlog.TYPED:
        return
    if name in winlog.INTEGERS:
        try:
            event[name] = int(str(value), 0)
        except ValueError:
            event[f"winlog.event_data.{name.rpartition('.')[2]}"] = str(value)
    elif name in winlog.BOOLEANS:
        known = _TRUTH.get(str(value).lower())
        event[name if known is not None else f"winlog.event_data.{name}"] = value if known is None else known
    elif name in winlog.LISTS:
        event[name] = value if isinstance(value, list) else [str(value)]
    elif name in ("source.ip", "destination.ip"):
        event[name] = str(value).removeprefix("::ffff:")
    elif isinstance(value, dict):
        for key, item in flat(value, f"{name}."):
            event[key] = item
    elif isinstance(value, bool):
        event[name] = "true" if value else "false"
    else:
        event[name] = value if isinstance(value, list) else str(value)


def _hashes(event: Event, text: str, owner: str) -> None:
    for part in text.split(","):
        kind, sign, digest = part.partition("=")
        name = _HASHES.get(kind.strip().lower())
        if sign and name and digest.strip("0"):
            event[f"{owner}.{name}"] = digest.strip().lower()


def _derive(event: Event) -> None:
    """Add what other fields imply: base names, user without domain, registry hive, TLD-free file parts."""
    for base in ("process", "process.parent"):
        if isinstance(path := event.get(f"{base}.executable"), str):
            event[f"{base}.name"] = path.rpartition("\\")[2]
    if isinstance(path := event.get("file.path"), str) and path:
        event["file.name"] = path.rpartition("\\")[2]
        event["file.directory"] = path.rpartition("\\")[0]
        if "." in event["file.name"]:
            event["file.extension"] = event["file.name"].rpartition(".")[2]
    if isinstance(path := event.get("dll.path"), str):
        event["dll.name"] = path.rpartition("\\")[2]
    if isinstance(path := event.get("registry.path"), str):
        event["registry.key"], _, event["registry.value"] = path.rpartition("\\")
    user = event.get("user.name")
    if isinstance(user, str) and "\\" in user:
        event["winlog.event_data.User"] = user  # Sigma's User is the whole of it
        event["user.domain"], _, event["user.name"] = user.partition("\\")
