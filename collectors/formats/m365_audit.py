"""Microsoft 365 audit record, as the Office 365 Management Activity API gives it; one JSON object a record.

Schema: learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema. Times are UTC
without a zone. What ECS has no name for is ``o365.audit.*``, as Elastic's integration calls it; lists of names
and values become fields of these names. An organisation is no host: ``host.*`` is written only where a record names a PC.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.related import as_ip, relate
from hinomi.collectors.times import to_iso
from hinomi.collectors.values import loads
from hinomi.event import Event, RawRecord

MARKS = ("CreationTime", "Operation", "RecordType", "Workload", "OrganizationId", "UserId")
#: Numbers of the schema's AuditLogRecordType; one that is not here stays a number.
RECORD_TYPES = {
    1: "ExchangeAdmin", 2: "ExchangeItem", 3: "ExchangeItemGroup", 4: "SharePoint", 6: "SharePointFileOperation", 7: "OneDrive", 8: "AzureActiveDirectory",
    9: "AzureActiveDirectoryAccountLogon", 10: "DataCenterSecurityCmdlet", 11: "ComplianceDLPSharePoint", 13: "ComplianceDLPExchange",
    14: "SharePointSharingOperation", 15: "AzureActiveDirectoryStsLogon", 18: "SecurityComplianceCenterEOPCmdlet", 19: "ExchangeAggregatedOperation",
    20: "PowerBIAudit", 22: "Yammer", 24: "Discovery", 25: "MicrosoftTeams", 28: "ThreatIntelligence", 29: "MailSubmission", 30: "MicrosoftFlow",
    33: "ComplianceDLPSharePointClassification", 36: "SharePointListOperation", 40: "SecurityComplianceAlerts", 41: "ThreatIntelligenceUrl", 42: "SecurityComplianceInsights",
    43: "MIPLabel", 47: "ThreatIntelligenceAtpContent", 50: "ExchangeItemAggregated", 52: "DataInsightsRestApiAudit", 54: "SharePointListItemOperation",
    55: "SharePointContentTypeOperation", 57: "MicrosoftTeamsAdmin", 63: "DLPEndpoint", 64: "AirInvestigation", 65: "Quarantine", 66: "MicrosoftForms",
}  # fmt: skip
#: Kinds of records → event.category beside web.
CATEGORIES = {
    "AzureActiveDirectoryStsLogon": "authentication", "AzureActiveDirectoryAccountLogon": "authentication", "SharePointFileOperation": "file",
    "ComplianceDLPSharePoint": "file", "ComplianceDLPExchange": "file", "DLPEndpoint": "file",
}  # fmt: skip
ALERTS = frozenset(
    {
        "ComplianceDLPSharePoint",
        "ComplianceDLPExchange",
        "SecurityComplianceAlerts",
        "ThreatIntelligence",
        "DLPEndpoint",
    }
)
#: Operation → (event.action, event.type, a group or a user), as ECS has them.
ACCOUNTS = {
    "add user.": ("added-user-account", "creation", "user"), "delete user.": ("deleted-user-account", "deletion", "user"),
    "update user.": ("modified-user-account", "change", "user"), "disable account.": ("modified-user-account", "change", "user"),
    "change user password.": ("modified-user-account", "change", "user"), "reset user password.": ("modified-user-account", "change", "user"),
    "add member to role.": ("added-member-to-role", "change", "user"), "remove member from role.": ("removed-member-from-role", "change", "user"),
    "add group.": ("added-group-account-to", "creation", "group"), "delete group.": ("deleted-group-account-from", "deletion", "group"),
    "update group.": ("modified-group-account", "change", "group"), "add member to group.": ("added-users-to-group", "change", "group"),
    "remove member from group.": ("removed-users-from-group", "change", "group"), "teamcreated": ("added-group-account-to", "creation", "group"),
    "teamdeleted": ("deleted-group-account-from", "deletion", "group"), "memberadded": ("added-users-to-group", "change", "group"),
    "memberremoved": ("removed-users-from-group", "change", "group"), "groupcreation": ("GroupCreation", "creation", "group"),
}  # fmt: skip
_FILE_TYPES = (
    ("accessed", "access"), ("previewed", "access"), ("downloaded", "access"), ("viewed", "access"), ("deleted", "deletion"), ("recycled", "deletion"),
    ("uploaded", "creation"), ("copied", "creation"), ("modified", "change"), ("renamed", "change"), ("moved", "change"), ("rule", "access"),
)  # fmt: skip
DOWNLOADS = frozenset({"filedownloaded", "filesyncdownloadedfull", "filesyncdownloadedpartial"})
#: Sharing with whoever has the link, or with somebody who is no member.
OPEN_SHARES = frozenset(
    {"anonymouslinkcreated", "anonymouslinkupdated", "anonymouslinkused", "sharinginvitationcreated"}
)
SHARES = frozenset({"sharingset", "addedtosecurelink", "securelinkcreated", "sharinginvitationupdated", "addedtogroup"})
SENDS = frozenset({"send", "sendas", "sendonbehalf"})
SEVERITIES = {"low": 1, "informational": 1, "medium": 2, "high": 3}
_ADDRESS = re.compile(r"\[?(?:::ffff:)?([0-9A-Fa-f:.]+?)\]?(?::(\d{1,5}))?")
_SERVER = re.compile(r"(\S+)\s+\((\S+)\)\s*")
MOST_TEXT = 32_768


@formats.register("m365.audit")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one record; any other JSON is left to the next format."""
    raw = record.raw.lstrip()
    if not raw.startswith((b"{", b"\xef\xbb\xbf{")):
        return ()
    value, repaired = loads(decode(raw, record.encoding).text.lstrip("\ufeff"))
    if isinstance(value, dict) and isinstance(value.get("o365audit"), dict):
        value = value["o365audit"]  # as Elastic Agent hands it on
    if not isinstance(value, dict) or "RecordType" not in value or sum(mark in value for mark in MARKS) < 3:
        return ()
    event = _event(value)
    for part in (_person, _addresses, _accounts, _file, _rules, _mail, _left):
        part(event, value)
    event.update((name, item) for name, item in _vendor(value) if name not in event)
    event = {name: item for name, item in event.items() if item not in (None, "", [])}
    relate(event)
    names = [event[name] for name in ("user.name", "user.target.name") if name in event]
    if names:
        event["related.user"] = list(dict.fromkeys(names))
    if repaired:
        event["hinomi.original.repaired"] = repaired
    return (event,)


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _kind(value: Mapping[str, Any]) -> str:
    given = _text(value.get("RecordType"))
    return RECORD_TYPES.get(int(given), given) if given.isascii() and given.isdigit() else given


def _event(value: Mapping[str, Any]) -> Event:
    kind, operation = _kind(value), _text(value.get("Operation"))
    low = operation.lower()
    event: Event = {
        "@timestamp": to_iso(_text(value.get("CreationTime"))), "event.kind": "alert" if kind in ALERTS else "event", "event.category": ["web"],
        "event.type": ["info"], "event.module": "m365", "event.dataset": "m365.audit", "event.id": _text(value.get("Id")) or None, "event.code": kind,
        "event.action": operation, "event.provider": _text(value.get("Workload")), "event.outcome": _outcome(value, low), "organization.id": _text(value.get("OrganizationId")),
        "organization.name": _text(value.get("OrganizationName")), "url.original": "", "message": _text(value.get("Comments")),
    }  # fmt: skip
    if category := CATEGORIES.get(kind):
        event["event.category"].append(category)
    if category == "authentication":
        event["event.type"] += ["end"] if "loggedout" in low or "logoff" in low else ["start", "access"]
    elif category == "file":
        event["event.type"] += [found for word, found in _FILE_TYPES if word in low][:1] or ["access"]
    if low in ACCOUNTS:
        event["event.action"], change, owner = ACCOUNTS[low]
        event["event.category"].append("iam")
        event["event.type"] += [owner, change]
    return event


def _outcome(value: Mapping[str, Any], operation: str) -> str:
    status = _text(value.get("ResultStatus")).lower()
    if status in ("failed", "failure", "false", "0") or operation.endswith(("failed", "failure")) or _blocked(value):
        return "failure"
    return "success"


def _blocked(value: Mapping[str, Any]) -> bool:
    """Say whether data loss prevention stopped it."""
    for policy in _dicts(value.get("PolicyDetails")):
        for rule in _dicts(policy.get("Rules")):
            given = rule.get("Actions")
            if any("block" in _text(action).lower() for action in (given if isinstance(given, list) else [given])):
                return True
    return False


def _person(event: Event, value: Mapping[str, Any]) -> None:
    _account(event, "user", _text(value.get("UserId")))
    if _kind(value) in ("AzureActiveDirectory", "MicrosoftTeams"):
        target = _text(value.get("ObjectId"))
        event["user.target.id"] = target
        if target.count("@") == 1 and "/" not in target:
            _account(event, "user.target", target)
    extra = {
        _text(item.get("Name")).lower(): _text(item.get("Value")) for item in _dicts(value.get("ExtendedProperties"))
    }
    event["user_agent.original"] = (
        _text(value.get("UserAgent")) or extra.get("useragent", "") or _text(value.get("ClientInfoString"))
    )
    device = {
        _text(item.get("Name")).lower(): _text(item.get("Value")) for item in _dicts(value.get("DeviceProperties"))
    }
    event["host.name"] = device.get("displayname", "") or _text(value.get("DeviceName"))


def _account(event: Event, owner: str, account: str) -> None:
    event[f"{owner}.id"] = account
    name, at, domain = account.partition("@")
    if at and name and domain and "@" not in domain and not re.search(r"[\s/\\;]", account):
        event |= {f"{owner}.email": account, f"{owner}.name": name, f"{owner}.domain": domain}


def _addresses(event: Event, value: Mapping[str, Any]) -> None:
    given = next(
        (text for key in ("ClientIP", "ClientIPAddress", "ActorIpAddress") if (text := _text(value.get(key)).strip())),
        "",
    )
    found = _ADDRESS.fullmatch(given)
    ip = as_ip(given) or (as_ip(found[1]) if found else None)
    if ip:
        event |= {
            "source.ip": ip,
            "client.ip": ip,
            "client.address": ip,
            "network.type": "ipv6" if ":" in ip else "ipv4",
        }
        if found and found[2] and as_ip(given) is None and int(found[2]) <= 65_535:
            event["source.port"] = event["client.port"] = int(found[2])
    elif given:
        event |= {"client.address": given, "client.domain": given}
    if server := _SERVER.fullmatch(_text(value.get("OriginatingServer"))):
        event |= {"server.domain": server[1], "server.address": server[2]}
        if ip := as_ip(server[2]):
            event["server.ip"] = event["destination.ip"] = ip


def _accounts(event: Event, value: Mapping[str, Any]) -> None:
    if "iam" in event["event.category"]:
        event["group.name"] = _text(value.get("TeamName")) or _text(value.get("GroupName"))


def _file(event: Event, value: Mapping[str, Any]) -> None:
    name = _text(value.get("SourceFileName"))
    event |= {
        "file.name": name, "file.extension": _text(value.get("SourceFileExtension")), "file.directory": _text(value.get("SourceRelativeUrl")),
        "file.target_path": "/".join(part for key in ("DestinationRelativeUrl", "DestinationFileName") if (part := _text(value.get(key)))),
    }  # fmt: skip
    place = _text(value.get("ObjectId"))
    if re.match("https?://", place):
        event["url.original"] = place
        if name:
            event["file.path"] = place
    data = value.get("SharePointMetaData")
    if isinstance(data, dict):
        event |= {
            "file.name": _text(data.get("FileName")), "file.owner": _text(data.get("FileOwner")), "file.inode": _text(data.get("UniqueID")) or _text(data.get("UniqueId")),
            "url.original": _text(data.get("FilePathUrl")), "file.mtime": to_iso(_text(data.get("LastModifiedTime"))),
        }  # fmt: skip
        event["file.extension"] = event["file.name"].rpartition(".")[2] if "." in event["file.name"] else ""
    size = value.get("FileSizeBytes", value.get("FileSize"))
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        event["file.size"] = size


def _rules(event: Event, value: Mapping[str, Any]) -> None:
    rules = [rule for policy in _dicts(value.get("PolicyDetails")) for rule in _dicts(policy.get("Rules"))]
    event["rule.id"] = next((text for rule in rules if (text := _text(rule.get("RuleId")))), "") or _text(
        value.get("PolicyId")
    )
    event["rule.name"] = next((text for rule in rules if (text := _text(rule.get("RuleName")))), "")
    worst = max((SEVERITIES.get(_text(rule.get("Severity")).lower(), 0) for rule in rules), default=0)
    if value.get("AlertId") or value.get("AlertEntityId"):
        event |= {
            "rule.id": _text(value.get("PolicyId")), "rule.name": _text(value.get("Name")), "rule.category": _text(value.get("Category")),
            "rule.ruleset": _text(value.get("EntityType")), "rule.description": _text(value.get("AlertEntityId")),
        }  # fmt: skip
        links = value.get("AlertLinks")
        event["rule.reference"] = next((_text(link.get("AlertLinkHref")) for link in _dicts(links)), "")
        worst = SEVERITIES.get(_text(value.get("Severity")).lower(), worst)
    if worst:
        event["event.severity"] = worst
        event["log.level"] = next(name for name, number in SEVERITIES.items() if number == worst)


def _mail(event: Event, value: Mapping[str, Any]) -> None:
    data = value.get("ExchangeMetaData")
    if isinstance(data, dict):
        given = data.get("To")
        to = [text for item in (given if isinstance(given, list) else [given]) if (text := _text(item))]
        event |= {
            "email.from.address": [sender] if (sender := _text(data.get("From"))) else [], "email.to.address": to, "email.subject": _text(data.get("Subject")),
            "email.message_id": _text(data.get("MessageID")), "source.user.email": sender,
        }  # fmt: skip
    item = value.get("Item")
    if isinstance(item, dict):
        event["email.subject"] = _text(item.get("Subject"))
        event["email.message_id"] = _text(item.get("InternetMessageId"))
        attached = (part.rpartition("(") for part in _text(item.get("Attachments")).split(";"))
        event["email.attachments.file.name"] = [
            name.strip() for name, _, size in attached if size.rstrip().endswith("b)")
        ]


def _left(event: Event, value: Mapping[str, Any]) -> None:
    """Write what went out: a file downloaded from the cloud, shared with outsiders, or attached to mail."""
    low = _text(value.get("Operation")).lower()
    target = _text(value.get("TargetUserOrGroupName"))
    outside = _text(value.get("TargetUserOrGroupType")).lower() == "guest" or "#ext#" in target.lower()
    channel = destination = ""
    if low in DOWNLOADS:
        channel, destination = "web", event.get("host.name") or event.get("source.ip", "")
    elif low in OPEN_SHARES or (low in SHARES and outside):
        channel, destination = "share", target or ("anonymous" if low.startswith("anonymous") else "")
        event.setdefault("file.name", "")
        if not event["file.name"] and _text(value.get("ItemType")).lower() == "file":
            event["file.name"] = _text(value.get("ObjectId")).rpartition("/")[2]
    elif low in SENDS and event.get("email.attachments.file.name"):
        channel = "mail"
        event["file.name"] = event["email.attachments.file.name"][0]
    elif _kind(value) == "ComplianceDLPExchange" and low == "dlprulematch":
        channel, destination = "mail", ", ".join(event.get("email.to.address", ()))
    if channel:
        event |= {
            "hinomi.egress.channel": channel, "hinomi.egress.destination": destination,
            "hinomi.egress.verdict": "blocked" if event["event.outcome"] == "failure" else "allowed",
        }  # fmt: skip
        if "file.size" in event:
            event["hinomi.egress.bytes"] = event["file.size"]


def _vendor(value: Any, prefix: str = "o365.audit.") -> Iterator[tuple[str, Any]]:
    """Yield everything of the record below its own names, as text."""
    for key, item in value.items():
        name = prefix + str(key).replace(".", "_")
        if isinstance(item, dict):
            yield from _vendor(item, f"{name}.")
        elif isinstance(item, list):
            yield from _listed(name, item)
        elif item is not None and item != "":
            yield name, str(item).lower() if isinstance(item, bool) else str(item)


def _listed(name: str, items: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield a list: one of names and values as fields of these names."""
    named = [item for item in items if isinstance(item, dict) and isinstance(item.get("Name"), str)]
    if items and len(named) == len(items) and all({"Value", "NewValue", "OldValue"} & item.keys() for item in named):
        for item in named:
            field = f"{name}.{item['Name'].replace('.', '_')}"
            if "Value" in item:
                yield field, _text(item["Value"])
            for part in ("NewValue", "OldValue"):
                if part in item:
                    yield f"{field}.{part}", _text(item[part])
    elif items and not any(isinstance(item, dict | list) for item in items):
        yield name, [_text(item) for item in items if item is not None]
    elif items:
        import orjson

        yield name, orjson.dumps(items, default=str, option=orjson.OPT_NON_STR_KEYS).decode()[:MOST_TEXT]
