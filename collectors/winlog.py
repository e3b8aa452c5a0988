"""Windows event log: which original field becomes which ECS field, per channel and event id.

Shared by the format (which writes them) and the Sigma field map (which asks for them by their original
names). What has no ECS field stays reachable as ``winlog.event_data.<Name>``.
Sources: learn.microsoft.com Sysmon and Security event schemas; Elastic's ECS field reference.
Values are changed for: Hashes (split into ``<entity>.hash.*`` and ``<entity>.pe.imphash``), Initiated
(``network.direction`` egress or ingress), numbers in decimal or 0x text (integers), UtcTime (``@timestamp``).
"""

SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
SYSTEM = "System"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"

#: Channel → event.dataset; another channel's dataset is ``windows.<channel in snake case>``.
DATASETS = {
    SYSMON: "windows.sysmon_operational",
    SECURITY: "windows.security",
    SYSTEM: "windows.system",
    "Application": "windows.application",
    POWERSHELL: "windows.powershell_operational",
    "Windows PowerShell": "windows.powershell",
    "Microsoft-Windows-Windows Defender/Operational": "windows.defender",
}

_PROCESS = {
    "Image": "process.executable", "CommandLine": "process.command_line", "ProcessId": "process.pid",
    "ProcessGuid": "process.entity_id", "CurrentDirectory": "process.working_directory",
    "User": "user.name", "IntegrityLevel": "winlog.event_data.IntegrityLevel",
}  # fmt: skip
_PARENT = {
    "ParentImage": "process.parent.executable", "ParentCommandLine": "process.parent.command_line",
    "ParentProcessId": "process.parent.pid", "ParentProcessGuid": "process.parent.entity_id",
}  # fmt: skip
_PE = {
    "OriginalFileName": "process.pe.original_file_name", "Company": "process.pe.company",
    "Description": "process.pe.description", "Product": "process.pe.product", "FileVersion": "process.pe.file_version",
}  # fmt: skip
_FILE = {"TargetFilename": "file.path"}
_NETWORK = {
    "SourceIp": "source.ip", "SourcePort": "source.port", "SourceHostname": "source.domain",
    "DestinationIp": "destination.ip", "DestinationPort": "destination.port", "DestinationHostname": "destination.domain",
    "Protocol": "network.transport", "DestinationPortName": "network.protocol",
}  # fmt: skip
_REGISTRY = {"TargetObject": "registry.path", "Details": "registry.data.strings"}
_LIBRARY = {
    "ImageLoaded": "dll.path", "OriginalFileName": "dll.pe.original_file_name", "Company": "dll.pe.company",
    "Description": "dll.pe.description", "Product": "dll.pe.product", "FileVersion": "dll.pe.file_version",
    "Signature": "dll.code_signature.subject_name", "SignatureStatus": "dll.code_signature.status",
    "Signed": "dll.code_signature.exists",
}  # fmt: skip
_TARGET = {
    "SourceImage": "process.executable",
    "SourceProcessId": "process.pid",
    "SourceProcessGuid": "process.entity_id",
    "ProcessId": "winlog.event_data.ProcessId",  # some agents add the writer's own
    "ProcessGuid": "winlog.event_data.ProcessGuid",
}

_SUBJECT = {"SubjectUserName": "user.name", "SubjectDomainName": "user.domain", "SubjectUserSid": "user.id"}
_CALLER = {"ProcessName": "process.executable", "ProcessId": "process.pid"}
_FROM = {"IpAddress": "source.ip", "IpPort": "source.port"}
_LOGON = {
    "TargetUserName": "user.name", "TargetDomainName": "user.domain", "TargetUserSid": "user.id", **_FROM,
    "WorkstationName": "source.domain",
}  # fmt: skip
_TARGET_USER = {
    "TargetUserName": "user.target.name", "TargetDomainName": "user.target.domain", "TargetSid": "user.target.id",
}  # fmt: skip
_EFFECTIVE = {
    "TargetUserName": "user.effective.name", "TargetDomainName": "user.effective.domain", "TargetUserSid": "user.effective.id",
}  # fmt: skip
_GROUP = {"TargetUserName": "group.name", "TargetDomainName": "group.domain", "TargetSid": "group.id"}

#: Security events whose Target… is a user or computer account, and those where it is a group.
TARGETS_USER = (4720, 4722, 4723, 4724, 4725, 4726, 4738, 4740, 4741, 4742, 4743, 4765, 4766, 4767, 4780, 4794)
TARGETS_GROUP = (*range(4727, 4736), 4737, *range(4744, 4765))

#: (channel, event id; 0 = any) → original name → ECS name.
FIELDS: dict[tuple[str, int], dict[str, str]] = {
    (SYSMON, 0): {**{k: v for k, v in _PROCESS.items() if k != "CommandLine"}, "RuleName": "rule.name"},
    (SYSMON, 1): {**_PROCESS, **_PARENT, **_PE},
    (SYSMON, 2): _FILE,
    (SYSMON, 3): _NETWORK,
    (SYSMON, 6): _LIBRARY,
    (SYSMON, 7): _LIBRARY,
    (SYSMON, 8): _TARGET,
    (SYSMON, 9): {"Device": "file.path"},
    (SYSMON, 10): _TARGET,
    (SYSMON, 11): _FILE,
    (SYSMON, 12): _REGISTRY,
    (SYSMON, 13): _REGISTRY,
    (SYSMON, 14): _REGISTRY,
    (SYSMON, 15): _FILE,
    (SYSMON, 17): {"PipeName": "file.name"},
    (SYSMON, 18): {"PipeName": "file.name"},
    (SYSMON, 22): {"QueryName": "dns.question.name"},
    (SYSMON, 23): _FILE,
    (SYSMON, 26): _FILE,
    (SYSMON, 27): _FILE,
    (SYSMON, 28): _FILE,
    (SYSMON, 29): _FILE,
    (SYSMON, 255): {"ID": "error.code"},
    (SECURITY, 0): {**_SUBJECT, **_CALLER},
    (SECURITY, 4688): {
        "NewProcessName": "process.executable", "CommandLine": "process.command_line", "NewProcessId": "process.pid",
        "ParentProcessName": "process.parent.executable", "ProcessId": "process.parent.pid", **_SUBJECT, **_EFFECTIVE,
    },
    (SECURITY, 4624): {**_LOGON, **_CALLER},
    (SECURITY, 4625): {**_LOGON, **_CALLER},
    (SECURITY, 4634): _LOGON,
    (SECURITY, 4647): _LOGON,
    (SECURITY, 4648): {**_SUBJECT, **_CALLER, **_EFFECTIVE, **_FROM},
    (SECURITY, 4657): {**_SUBJECT, **_CALLER, "ObjectName": "registry.path", "ObjectValueName": "registry.value"},
    (SECURITY, 4663): {**_SUBJECT, **_CALLER, "ObjectName": "file.path"},
    (SECURITY, 4697): {**_SUBJECT, "ServiceName": "service.name"},
    (SECURITY, 4776): {"TargetUserName": "user.name", "Workstation": "source.domain"},
    (SECURITY, 4777): {"TargetUserName": "user.name", "Workstation": "source.domain"},
    (SECURITY, 4781): {
        **_SUBJECT, "OldTargetUserName": "user.target.name", "NewTargetUserName": "user.changes.name",
        "TargetDomainName": "user.target.domain", "TargetSid": "user.target.id",
    },
    (SECURITY, 4798): {
        **_SUBJECT, **_TARGET_USER, "CallerProcessName": "process.executable", "CallerProcessId": "process.pid",
    },
    (SECURITY, 4799): {
        **_SUBJECT, **_GROUP, "CallerProcessName": "process.executable", "CallerProcessId": "process.pid",
    },
    (SECURITY, 5140): {**_SUBJECT, **_FROM},
    (SECURITY, 5145): {**_SUBJECT, **_FROM},
    (SECURITY, 5156): {
        "Application": "process.executable", "ProcessID": "process.pid", "SourceAddress": "source.ip", "SourcePort": "source.port",
        "DestAddress": "destination.ip", "DestPort": "destination.port",
    },
    **{(SECURITY, n): {**_FROM, "TargetDomainName": "user.domain", "ServiceName": "service.name"} for n in (4769, 4770)},
    **{
        (SECURITY, n): {**_FROM, "TargetDomainName": "user.domain", "TargetSid": "user.id", "ServiceName": "service.name"}
        for n in (4768, 4771, 4772)
    },
    **{
        (SECURITY, n): {
            "AccountName": "user.name", "AccountDomain": "user.domain", "ClientAddress": "source.ip", "ClientName": "source.domain",
        }
        for n in (4778, 4779)
    },
    **{(SECURITY, n): {**_SUBJECT, **_TARGET_USER} for n in TARGETS_USER},
    **{(SECURITY, n): {**_SUBJECT, **_GROUP} for n in TARGETS_GROUP},
    (SYSTEM, 7045): {"ServiceName": "service.name"},
    (POWERSHELL, 4104): {"ScriptBlockText": "powershell.file.script_block_text", "ScriptBlockId": "powershell.file.script_block_id",
                         "Path": "file.path"},
}  # fmt: skip

#: Fields whose hashes belong to another entity than the process.
HASH_OWNER = {6: "dll", 7: "dll", 11: "file", 15: "file", 23: "file", 26: "file", 27: "file", 28: "file", 29: "file"}
#: Fields whose type has no room for an empty value or a dash.
INTEGERS = frozenset({"process.pid", "process.parent.pid", "source.port", "destination.port"})
BOOLEANS = frozenset({"dll.code_signature.exists", "process.code_signature.exists", "file.code_signature.exists"})
LISTS = frozenset({"registry.data.strings"})
ADDRESSES = frozenset({"source.ip", "destination.ip"})
TYPED = INTEGERS | BOOLEANS | LISTS | ADDRESSES
#: Fields that a bare dash leaves unset: it is how Windows writes "none" there.
DASHED = (
    INTEGERS
    | ADDRESSES
    | {f"user.{part}{leaf}" for part in ("", "target.", "effective.") for leaf in ("name", "domain", "id")}
    | {"network.protocol", "rule.name", "source.domain", "destination.domain", "service.name"}
)


#: Channels that are known here, by their name in lower case: some agents write them so.
_CHANNELS = {name.lower(): name for name in (*DATASETS, *(channel for channel, _ in FIELDS))}


def channel_of(name: str) -> str:
    """Return a channel's name as Windows spells it, where it is known."""
    return _CHANNELS.get(name.lower(), name)


def mapping(channel: str, event_id: int) -> dict[str, str]:
    """Return the field table of one event kind."""
    general = FIELDS.get((channel, 0), {})
    special = FIELDS.get((channel, event_id), {})
    return {**general, **special} if channel == SYSMON or not special else special


def dataset(channel: str) -> str:
    """Return the dataset of a channel."""
    known = DATASETS.get(channel)
    if known:
        return known
    short = channel.removeprefix("Microsoft-Windows-").lower()
    return "windows." + ("".join(c if c.isascii() and c.isalnum() else "_" for c in short).strip("_") or "eventlog")
