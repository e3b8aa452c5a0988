"""The shapes in which agents write one Windows event as JSON, brought to one: system facts and event data.

Shapes: flat (NXLog, Fluent Bit, re-sampled data sets); Winlogbeat's and Elastic Agent's ``winlog`` tree, nested or
with dots in its names; ``Event`` trees of evtx_dump (``#attributes`` or ``_attributes`` beside) and of XML
converters (``@Name`` and ``#text``).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hinomi.event import flat

#: Keys of a flat record that describe the record, not the event's data.
SYSTEM = frozenset({
    "EventID", "Channel", "Computer", "Hostname", "Provider_Name", "ProviderName", "Provider", "SourceName", "@timestamp", "EventTime",
    "TimeCreated", "UtcTime", "RecordNumber", "EventRecordID", "RecordId", "ProviderGuid", "Version", "Level", "Task", "Opcode",
    "OpcodeValue", "Keywords", "ThreadID", "ExecutionProcessID", "ExecutionThreadID", "Severity", "SeverityValue", "EventType",
    "Category", "EventReceivedTime", "SourceModuleName", "SourceModuleType", "Message", "AccountName", "AccountType", "Domain",
    "UserID", "host", "port", "tags", "@version", "ActivityID", "RelatedActivityID", "Qualifiers", "StringInserts",
})  # fmt: skip
#: Of these, those that some events carry as data of their own: left there, unless the record's envelope says the account.
_RECORD = SYSTEM - {"AccountName", "Domain"}


#: Field sets that a sender may have filled itself (Elastic's pipelines move event data there), and what it says of the event.
_ECS = frozenset({
    "process", "file", "dll", "registry", "dns", "network", "source", "destination", "user", "group", "service", "url", "rule",
    "threat", "hash", "pe", "code_signature", "powershell", "email",
})  # fmt: skip
_ECS_EVENT = frozenset(f"event.{name}" for name in ("category", "type", "action", "outcome"))


class Facts(NamedTuple):
    """The same facts, whatever the shape: names of ``system`` are those of the flat shape; ``ecs``: what is ECS already."""

    system: Mapping[str, Any]
    data: Mapping[str, Any]
    ecs: Mapping[str, Any]


def read(value: dict[str, Any]) -> Facts | None:
    """Return the facts of a JSON object; None if it is no Windows event."""
    if "EventID" in value and (
        "Channel" in value
        or "Provider_Name" in value
        or "ProviderName" in value
        or "Provider" in value
        or "SourceName" in value
    ):
        return _flat(value)
    if isinstance(value.get("Event"), dict):
        return _event_tree(value["Event"])
    if isinstance(value.get("winlog"), dict):
        return _winlog_tree(value)
    if any(key.startswith("winlog.") for key in value):
        tree = {key: item for key, item in value.items() if not key.startswith(_DATA)}
        data = {_tail(key): item for key, item in value.items() if key.startswith(_DATA)}
        if isinstance(inner := tree.get("winlog.event_data"), dict):
            data |= inner
        return Facts(_winlog_system(tree), data, _own_ecs(tree))
    return None


_DATA = ("winlog.event_data.", "winlog.user_data.")


def _tail(key: str) -> str:
    return key.removeprefix(_DATA[0]).removeprefix(_DATA[1])


def _flat(value: dict[str, Any]) -> Facts:
    own = SYSTEM if "AccountType" in value or "UserID" in value else _RECORD
    system = value
    if isinstance(inner := value.get("EventData"), dict):
        value = {**{k: v for k, v in value.items() if k != "EventData"}, **inner}
    return Facts(system, {k: v for k, v in value.items() if k not in own and k[:1] not in "@_"}, {})


def _event_tree(tree: dict[str, Any]) -> Facts | None:
    system = tree.get("System")
    if not isinstance(system, dict):
        return None
    data: dict[str, Any] = {}
    for part in ("EventData", "UserData"):
        content = tree.get(part)
        if isinstance(content, dict):
            inner = content if part == "EventData" else next((v for v in content.values() if isinstance(v, dict)), {})
            data |= _named(inner)
        elif isinstance(content, list):
            data |= dict(_pairs(content))
    event_id = system.get("EventID")
    return Facts(
        {
            "EventID": event_id.get("#text") if isinstance(event_id, dict) else event_id,
            "Channel": system.get("Channel"),
            "Computer": system.get("Computer"),
            "Provider_Name": _attribute(system, "Provider", "Name"),
            "TimeCreated": _attribute(system, "TimeCreated", "SystemTime"),
            "EventRecordID": system.get("EventRecordID"),
            "Keywords": system.get("Keywords"),
            "UserID": _attribute(system, "Security", "UserID"),
            **{key: system.get(key) for key in ("Level", "Task", "Opcode", "Version")},
        },
        data,
        {},
    )


def _own_ecs(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in tree.items() if k.partition(".")[0] in _ECS or k in _ECS_EVENT}


def _attribute(system: Mapping[str, Any], element: str, name: str) -> Any:
    """Return an XML attribute, wherever the converter put it; an element that is text is that text."""
    beside = system.get(f"{element}_attributes")
    node = beside if isinstance(beside, dict) else system.get(element)
    if not isinstance(node, dict):
        return node
    inside = node.get("#attributes")
    return (inside if isinstance(inside, dict) else node).get(name, node.get(f"@{name}"))


def _named(inner: Mapping[str, Any]) -> dict[str, Any]:
    data = {
        k.replace(" ", ""): _content(v) for k, v in inner.items() if k[:1] not in "#@" and not k.endswith("_attributes")
    }
    items = data.get("Data")
    if isinstance(items, list) and (named := dict(_pairs(items))):
        return {k: v for k, v in data.items() if k != "Data"} | named
    return data


def _content(value: Any) -> Any:
    """Return what an element says: its text (a list, where it is repeated) without its attributes."""
    alone = isinstance(value, dict) and "#text" in value and value.keys() <= {"#text", "#attributes"}
    return value["#text"] if alone else value


def _pairs(items: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield (name, text) of ``Data`` elements that carry their name as an attribute."""
    for item in items:
        if isinstance(item, dict):
            inside = item.get("#attributes")
            name = item.get("@Name", item.get("Name", inside.get("Name") if isinstance(inside, dict) else None))
            if isinstance(name, str):
                yield name, item.get("#text", item.get("Value"))


def _winlog_tree(value: dict[str, Any]) -> Facts:
    inner = value["winlog"]
    parts = ("event_data", "user_data")
    tree = dict(flat({k: v for k, v in value.items() if k != "winlog"}))
    tree |= {f"winlog.{k}": v for k, v in flat({k: v for k, v in inner.items() if k not in parts})}
    data: dict[str, Any] = {}
    for part in reversed(parts):
        if isinstance(content := inner.get(part), dict):
            data |= content
    for key in [key for key in tree if key.startswith(_DATA)]:
        data[_tail(key)] = tree.pop(key)
    return Facts(_winlog_system(tree), data, _own_ecs(tree))


def _winlog_system(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "EventID": tree.get("winlog.event_id", tree.get("event.code")),
        "Channel": tree.get("winlog.channel"),
        "Computer": tree.get("winlog.computer_name") or tree.get("host.name"),
        "Provider_Name": tree.get("winlog.provider_name") or tree.get("event.provider"),
        "TimeCreated": tree.get("winlog.time_created"),
        "@timestamp": tree.get("@timestamp"),
        "EventRecordID": tree.get("winlog.record_id"),
        "Message": tree.get("message"),
        "Keywords": tree.get("winlog.keywords"),
        "Outcome": tree.get("winlog.outcome") or tree.get("event.outcome"),
        "UserID": tree.get("winlog.user.identifier"),
        "Level": tree.get("winlog.level") or tree.get("log.level"),
        "Task": tree.get("winlog.task"),
        "Opcode": tree.get("winlog.opcode"),
        "Version": tree.get("winlog.version"),
    }
