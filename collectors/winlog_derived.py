"""What a Windows event's fields imply: base names, hive, arguments, DNS answers, the group of a new member.

Field meanings: elastic.co/docs/reference/ecs. Nothing here replaces what the record said: Sigma rules ask for that.
"""

import re

from hinomi.collectors.related import as_ip
from hinomi.event import Event

_HIVES = {
    "HKEY_LOCAL_MACHINE": "HKLM", "HKEY_USERS": "HKU", "HKEY_CURRENT_USER": "HKCU", "HKEY_CLASSES_ROOT": "HKCR",
    "HKEY_CURRENT_CONFIG": "HKCC", "HKLM": "HKLM", "HKU": "HKU", "HKCU": "HKCU", "HKCR": "HKCR", "HKCC": "HKCC",
}  # fmt: skip
_REGISTRY_TYPES = (("DWORD (", "REG_DWORD"), ("QWORD (", "REG_QWORD"), ("Binary Data", "REG_BINARY"))
_WHOLE_KEYS = frozenset({"CreateKey", "DeleteKey", "RenameKey"})
#: Record types of DNS by number (iana.org/assignments/dns-parameters); others stay numbers.
_RECORD_TYPES = {
    "1": "A", "2": "NS", "5": "CNAME", "6": "SOA", "12": "PTR", "15": "MX", "16": "TXT", "28": "AAAA", "33": "SRV", "65": "HTTPS",
}  # fmt: skip
_ANSWER = re.compile(r"type:\s*(\d+)\s+(\S+)")
_NAME_PART = re.compile(r"(?:^|,)\s*(CN|DC)=((?:[^,\\]|\\.)+)", re.IGNORECASE)


def derive(event: Event) -> None:
    """Add what other fields imply."""
    for base in ("process", "process.parent"):
        if isinstance(path := event.get(f"{base}.executable"), str):
            event[f"{base}.name"] = path.rpartition("\\")[2]
        if isinstance(line := event.get(f"{base}.command_line"), str) and line:
            event[f"{base}.args"] = found = arguments(line)
            event[f"{base}.args_count"] = len(found)
    if isinstance(path := event.get("file.path"), str) and path:
        directory, _, name = path.rpartition("\\")
        event["file.name"] = name
        if directory:
            event["file.directory"] = directory
        if "." in name:
            event["file.extension"] = name.rpartition(".")[2]
    if isinstance(path := event.get("dll.path"), str):
        event["dll.name"] = path.rpartition("\\")[2]
    if isinstance(path := event.get("registry.path"), str):
        _registry(event, path)
    if "dns.question.name" in event:
        _dns(event)
    if isinstance(address := event.get("source.ip"), str) and "destination.ip" in event:
        event["network.type"] = "ipv6" if ":" in address else "ipv4"
    _users(event)


def arguments(line: str) -> list[str]:
    r"""Split a command line as Windows does for C programs: quotes group, ``\"`` is a quote."""
    if '"' not in line:
        return line.split()
    found: list[str] = []
    part, quoted, open_part, slashes = [], False, False, 0
    for char in line:
        if char == "\\":
            slashes += 1
            continue
        if char == '"':
            part.append("\\" * (slashes // 2))
            if slashes % 2:
                part.append('"')
            else:
                quoted = not quoted
            open_part = True
        else:
            part.append("\\" * slashes)
            open_part = open_part or bool(slashes)
            if char in " \t" and not quoted:
                if open_part:
                    found.append("".join(part))
                part, open_part = [], False
            else:
                part.append(char)
                open_part = True
        slashes = 0
    if open_part or slashes:
        found.append("".join(part) + "\\" * slashes)
    return found


def _registry(event: Event, path: str) -> None:
    hive, _, below = path.partition("\\")
    if short := _HIVES.get(hive.upper()):
        event["registry.hive"] = short
    else:
        below = path.lstrip("\\")
    if event.get("winlog.event_data.EventType") in _WHOLE_KEYS or "registry.value" in event:
        event["registry.key"] = below  # Security 4657 names the value apart
    else:
        event["registry.key"], _, event["registry.value"] = below.rpartition("\\")
    for details in event.get("registry.data.strings", ())[:1]:
        for start, name in _REGISTRY_TYPES:
            if details.startswith(start):
                event["registry.data.type"] = name


def _dns(event: Event) -> None:
    """Read Sysmon's ``type:  5 name;::ffff:192.0.2.1;`` into answers and addresses."""
    event["network.protocol"] = "dns"
    names, kinds, addresses = [], [], []
    for part in str(event.get("winlog.event_data.QueryResults", "")).split(";"):
        if found := _ANSWER.match(part.strip()):
            names.append(found[2])
            kinds.append(_RECORD_TYPES.get(found[1], found[1]))
        elif address := as_ip(part):
            names.append(address)
            kinds.append("AAAA" if ":" in address else "A")
            addresses.append(address)
    if names:
        event["dns.answers.data"], event["dns.answers.type"] = names, kinds
    if addresses:
        event["dns.resolved_ip"] = list(dict.fromkeys(addresses))


def _users(event: Event) -> None:
    user = event.get("user.name")
    if isinstance(user, str) and "\\" in user:
        event["winlog.event_data.User"] = user  # Sigma's User is the whole of it
        event["user.domain"], _, event["user.name"] = user.partition("\\")
    elif user is None and event.get("event.category") == ["authentication"]:
        account = event.get("winlog.event_data.TargetUserName")  # Kerberos: name@REALM
        if isinstance(account, str) and account not in ("", "-"):
            event["user.name"] = account.partition("@")[0]
    if "group.name" not in event:
        return
    member = event.get("winlog.event_data.MemberName")
    if isinstance(member, str) and member not in ("", "-"):
        parts = [(kind.upper(), text.replace("\\", "")) for kind, text in _NAME_PART.findall(member)]
        event["user.target.name"] = next((text for kind, text in parts if kind == "CN"), member)
        if domain := ".".join(text for kind, text in parts if kind == "DC"):
            event["user.target.domain"] = domain
    if "winlog.event_data.MemberSid" in event:
        event["user.target.id"] = event["winlog.event_data.MemberSid"]
        for leaf in ("name", "domain", "id"):
            if f"group.{leaf}" in event:
                event[f"user.target.group.{leaf}"] = event[f"group.{leaf}"]
