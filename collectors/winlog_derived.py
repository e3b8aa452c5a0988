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
LONGEST_LINE = 32_767
"""Windows' own bound of a command line; a longer one is not split."""
LONGEST_ANSWER = 16_384
_ARGUMENT = re.compile(r'(?:\\"|[^\s"]|"(?:\\"|[^"])*"?)+')
_ANSWER = re.compile(r"type:\s*(\d+)\s+(\S+)")
_NAME_PART = re.compile(r"(?:^|,)\s*(CN|DC)=((?:[^,\\]|\\.)+)", re.IGNORECASE)


def derive(event: Event) -> None:
    """Add what other fields imply."""
    for base in ("process", "process.parent"):
        if isinstance(path := event.get(f"{base}.executable"), str):
            event[f"{base}.name"] = path.rpartition("\\")[2]
        if isinstance(line := event.get(f"{base}.command_line"), str) and 0 < len(line) <= LONGEST_LINE:
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
    parts = _ARGUMENT.findall(line)
    return [part.replace('\\"', "\0").replace('"', "").replace("\0", '"') if '"' in part else part for part in parts]


def _registry(event: Event, path: str) -> None:
    hive, _, below = path.partition("\\")
    if short := _HIVES.get(hive.upper()):
        event["registry.hive"] = short
    else:
        below = path.lstrip("\\")
    if str(event.get("winlog.event_data.EventType")) in _WHOLE_KEYS or "registry.value" in event:
        event["registry.key"] = below  # Security 4657 names the value apart
    else:
        event["registry.key"], _, event["registry.value"] = below.rpartition("\\")
    for details in event.get("registry.data.strings", ())[:1]:
        for start, name in _REGISTRY_TYPES:
            if str(details).startswith(start):
                event["registry.data.type"] = name


def _dns(event: Event) -> None:
    """Read Sysmon's ``type:  5 name;::ffff:192.0.2.1;`` into answers and addresses."""
    event["network.protocol"] = "dns"
    names, kinds, addresses = [], [], []
    for part in str(event.get("winlog.event_data.QueryResults", ""))[:LONGEST_ANSWER].split(";"):
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
    if isinstance(member, str) and member not in ("", "-") and len(member) <= LONGEST_LINE:
        parts = [(kind.upper(), text.replace("\\", "")) for kind, text in _NAME_PART.findall(member)]
        event["user.target.name"] = next((text for kind, text in parts if kind == "CN"), member)
        if domain := ".".join(text for kind, text in parts if kind == "DC"):
            event["user.target.domain"] = domain
    if "winlog.event_data.MemberSid" in event:
        event["user.target.id"] = event["winlog.event_data.MemberSid"]
        for leaf in ("name", "domain", "id"):
            if f"group.{leaf}" in event:
                event[f"user.target.group.{leaf}"] = event[f"group.{leaf}"]
