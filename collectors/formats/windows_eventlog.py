"""Windows event log as JSON: flat (NXLog), Winlogbeat's ``winlog`` tree, and evtx_dump's ``Event`` tree.

Shapes: `hinomi.collectors.winlog_shapes`; names: `hinomi.collectors.winlog`; what the fields imply:
`hinomi.collectors.winlog_derived`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from hinomi.collectors import winlog
from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.related import as_ip, relate
from hinomi.collectors.times import to_iso
from hinomi.collectors.values import loads
from hinomi.collectors.winlog_derived import derive
from hinomi.collectors.winlog_kinds import FAILED, KINDS, Kind
from hinomi.collectors.winlog_shapes import Facts, read
from hinomi.event import Event, RawRecord, flat

_HASHES = {
    "md5": "hash.md5",
    "sha1": "hash.sha1",
    "sha256": "hash.sha256",
    "sha512": "hash.sha512",
    "imphash": "pe.imphash",
}
LONGEST_HASHES = 1024
_TRUTH = {"true": True, "false": False, "1": True, "0": False}
#: What NXLog and Winlogbeat call the audit keywords, and the bits of the keywords themselves.
_OUTCOMES = {
    "AUDIT_SUCCESS": "success", "AUDIT_FAILURE": "failure", "AUDIT SUCCESS": "success", "AUDIT FAILURE": "failure",
    "SUCCESS": "success", "FAILURE": "failure",
}  # fmt: skip
#: Level of the log by number (winmeta.xml).
_LEVEL_WORDS = {"0": "information", "1": "critical", "2": "error", "3": "warning", "4": "information", "5": "verbose"}
_OF_SYSTEM = (
    ("Task", "winlog.task"), ("Opcode", "winlog.opcode"), ("Version", "winlog.version"), ("UserID", "winlog.user.identifier"),
)  # fmt: skip
_LEVELS = frozenset({"INFO", "WARNING", "ERROR", "VERBOSE", "CRITICAL", "DEBUG"})
_AUDIT_FAILURE, _AUDIT_SUCCESS = 1 << 52, 1 << 53


@formats.register("windows.eventlog")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one event; JSON that is none is left to the next format."""
    raw = record.raw.lstrip()
    if not raw.startswith((b"{", b"\xef\xbb\xbf{", b"\xff\xfe")):
        return ()
    value, repaired = loads(decode(raw, record.encoding).text.lstrip("\ufeff"))
    if not isinstance(value, dict):
        return ()
    found = read(value)
    if found is None:
        return ()
    event = _event(found, record.zone)
    if event is None:
        return ()
    if repaired:
        event["hinomi.original.repaired"] = repaired
    return (event,)


@lru_cache(maxsize=4096)
def _plan(channel: str, event_id: int) -> tuple[dict[str, str], str, Kind | None, str]:
    return (
        winlog.mapping(channel, event_id),
        winlog.dataset(channel),
        KINDS.get((channel, event_id)),
        winlog.HASH_OWNER.get(event_id, "process") if channel == winlog.SYSMON else "process",
    )


def _event(found: Facts, zone: str) -> Event | None:
    system = found.system
    try:
        event_id = int(str(system.get("EventID")))
    except ValueError:
        return None
    channel = winlog.channel_of(str(system.get("Channel") or _provider(system)))
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
            _write(event, names.get(name), name, value)
    _write_time(event, found, zone)
    _write_outcome(event, system, (channel, event_id))
    if (sid := system.get("UserID")) and "user.name" not in event:
        event.setdefault("user.id", str(sid))
    event |= found.ecs
    derive(event)
    relate(event)
    return event


def _provider(system: Mapping[str, Any]) -> str:
    names = (system.get(key) for key in ("Provider_Name", "ProviderName", "Provider", "SourceName"))
    return next((name for name in names if isinstance(name, str) and name), "")


def _write_system(event: Event, system: Mapping[str, Any], channel: str) -> None:
    event["winlog.channel"] = channel
    if provider := _provider(system):
        event["event.provider"] = provider
    if computer := system.get("Computer") or system.get("Hostname"):
        event["host.name"] = str(computer)
    if record_id := system.get("EventRecordID") or system.get("RecordNumber") or system.get("RecordId"):
        event["winlog.record_id"] = str(record_id)
    if message := system.get("Message"):
        event["message"] = str(message)
    for key, name in _OF_SYSTEM:
        if (value := system.get(key)) not in (None, ""):
            event[name] = str(value)
    if (level := system.get("Level")) is not None:
        event["log.level"] = _LEVEL_WORDS.get(str(level), str(level).lower())
    kind = system.get("EventType")
    if kind and (not isinstance(kind, str) or (kind not in _LEVELS and kind not in _OUTCOMES)):
        event["winlog.event_data.EventType"] = str(kind)


def _write_time(event: Event, found: Facts, zone: str) -> None:
    """Take the event's own time before the agent's: of Sysmon the one it wrote, else the log's, else the shipper's."""
    written = found.data.get("UtcTime") or found.system.get("UtcTime")
    moment = to_iso(str(written), "UTC") if written else None
    for name in ("TimeCreated", "@timestamp", "EventTime"):
        if moment is None and (value := found.system.get(name)):
            moment = to_iso(str(value), zone if name == "EventTime" else "UTC")
    if moment:
        event["@timestamp"] = moment


def _write_outcome(event: Event, system: Mapping[str, Any], kind: tuple[str, int]) -> None:
    if kind in FAILED:
        event["event.outcome"] = "failure"
        return
    keywords = system.get("Keywords")
    for word in keywords if isinstance(keywords, list) else (keywords, system.get("Outcome"), system.get("EventType")):
        if word is not None and (outcome := _audited(str(word)[:32])):
            event["event.outcome"] = outcome
            return
    if isinstance(keywords, list) and (outcome := _OUTCOMES.get(str(system.get("Outcome")).upper())):
        event["event.outcome"] = outcome


@lru_cache(maxsize=256)
def _audited(word: str) -> str | None:
    """Return what a keyword, or the bits of all of them, says of the outcome."""
    if outcome := _OUTCOMES.get(word.upper()):
        return outcome
    try:
        bits = int(word, 0)
    except ValueError:
        return None
    return "failure" if bits & _AUDIT_FAILURE else "success" if bits & _AUDIT_SUCCESS else None


def _write(event: Event, name: str | None, original: str, value: Any) -> None:
    """Write a value under its ECS name; what that has no room for stays under its own, where rules find it too."""
    if type(value) is str and name not in winlog.TYPED and value not in ("", "-"):
        event[name or f"winlog.event_data.{original}"] = value  # nearly all
        return
    plain = f"winlog.event_data.{original}"
    if name is None or value == "" or (value == "-" and name in winlog.DASHED):
        name = plain
    if name in winlog.TYPED:
        _write_typed(event, name, plain, value)
    elif isinstance(value, dict):
        event.update(flat(value, f"{name}."))
    elif isinstance(value, bool):
        event[name] = "true" if value else "false"
    else:
        event[name] = value if isinstance(value, list) else str(value)


def _write_typed(event: Event, name: str, plain: str, value: Any) -> None:
    if name in winlog.LISTS:
        event[name] = value if isinstance(value, list) else [str(value)]
    elif name in winlog.BOOLEANS:
        known = _TRUTH.get(str(value).lower())
        event[name if known is not None else plain] = value if known is None else known
    elif name in winlog.ADDRESSES:
        address = as_ip(str(value))
        if address:
            event[name] = address
        if address != value:
            event[plain] = str(value)
    else:
        try:
            event[name] = int(str(value), 0)
        except ValueError:
            event[plain] = str(value)


def _hashes(event: Event, text: str, owner: str) -> None:
    for part in text[:LONGEST_HASHES].split(","):
        kind, sign, digest = part.partition("=")
        name = _HASHES.get(kind.strip().lower())
        if sign and name and digest.strip("0"):
            event[f"{owner}.{name}"] = digest.strip().lower()
