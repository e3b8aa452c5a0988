"""Windows event log: which original field becomes which ECS field, per channel and event id.

Shared by the format (which writes them) and the Sigma field map (which asks for them by their original
names). What has no ECS field stays reachable as ``winlog.event_data.<Name>``.
Sources: learn.microsoft.com Sysmon and Security event schemas; Elastic's ECS field reference.
Values are changed for: Hashes (split into ``<entity>.hash.*`` and ``<entity>.pe.imphash``), Initiated
(``network.direction`` egress or ingress), numbers in decimal or 0x text (integers), UtcTime (``@timestamp``).
"""

SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"

#: Channel → event.dataset; another channel's dataset is ``windows.<channel in snake case>``.
DATASETS = {
    SYSMON: "windows.sysmon_operational",
    SECURITY: "windows.security",
    "System": "windows.system",
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
    "Protocol": "network.transport",
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
}

#: (channel, event id; 0 = any) → original name → ECS name.
FIELDS: dict[tuple[str, int], dict[str, str]] = {
    (SYSMON, 0): {k: v for k, v in _PROCESS.items() if k != "CommandLine"},
    (SYSMON, 1): {**_PROCESS, **_PARENT, **_PE},
    (SYSMON, 2): _FILE,
    (SYSMON, 3): _NETWORK,
    (SYSMON, 6): _LIBRARY,
    (SYSMON, 7): _LIBRARY,
    (SYSMON, 8): _TARGET,
    (SYSMON, 9): {},
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
    (SECURITY, 4688): {
        "NewProcessName": "process.executable", "CommandLine": "process.command_line", "NewProcessId": "process.pid",
        "ParentProcessName": "process.parent.executable", "ProcessId": "process.parent.pid",
        "SubjectUserName": "user.name", "SubjectDomainName": "user.domain", "SubjectUserSid": "user.id",
    },
    (SECURITY, 4624): {
        "TargetUserName": "user.name", "TargetDomainName": "user.domain", "TargetUserSid": "user.id",
        "IpAddress": "source.ip", "IpPort": "source.port", "WorkstationName": "source.domain",
        "ProcessName": "process.executable", "ProcessId": "process.pid",
    },
    (SECURITY, 4625): {
        "TargetUserName": "user.name", "TargetDomainName": "user.domain", "IpAddress": "source.ip",
        "IpPort": "source.port", "WorkstationName": "source.domain", "ProcessName": "process.executable",
    },
    (SECURITY, 4663): {
        "ObjectName": "file.path", "ProcessName": "process.executable", "ProcessId": "process.pid",
        "SubjectUserName": "user.name", "SubjectDomainName": "user.domain", "SubjectUserSid": "user.id",
    },
    (SECURITY, 0): {"SubjectUserName": "user.name", "SubjectDomainName": "user.domain", "SubjectUserSid": "user.id",
                    "ProcessName": "process.executable"},
    (POWERSHELL, 4104): {"ScriptBlockText": "powershell.file.script_block_text", "ScriptBlockId": "powershell.file.script_block_id",
                         "Path": "file.path"},
}  # fmt: skip

#: Event id → (event.category, event.type, event.action) where ECS has a word for it.
KINDS: dict[tuple[str, int], tuple[list[str], list[str], str]] = {
    (SYSMON, 1): (["process"], ["start"], "process-started"),
    (SYSMON, 2): (["file"], ["change"], "file-creation-time-changed"),
    (SYSMON, 3): (["network"], ["start", "connection", "protocol"], "network-connection"),
    (SYSMON, 5): (["process"], ["end"], "process-terminated"),
    (SYSMON, 6): (["driver"], ["start"], "driver-loaded"),
    (SYSMON, 7): (["process"], ["change"], "image-loaded"),
    (SYSMON, 8): (["process"], ["change"], "remote-thread-created"),
    (SYSMON, 9): (["process"], ["access"], "raw-access-read"),
    (SYSMON, 10): (["process"], ["access"], "process-accessed"),
    (SYSMON, 11): (["file"], ["creation"], "file-created"),
    (SYSMON, 12): (["registry"], ["change"], "registry-object-added-or-deleted"),
    (SYSMON, 13): (["registry"], ["change"], "registry-value-set"),
    (SYSMON, 14): (["registry"], ["change"], "registry-renamed"),
    (SYSMON, 15): (["file"], ["access"], "stream-created"),
    (SYSMON, 17): (["file"], ["creation"], "pipe-created"),
    (SYSMON, 18): (["file"], ["access"], "pipe-connected"),
    (SYSMON, 22): (["network"], ["connection", "protocol", "info"], "dns-query"),
    (SYSMON, 23): (["file"], ["deletion"], "file-deleted"),
    (SYSMON, 26): (["file"], ["deletion"], "file-deleted"),
    (SECURITY, 1102): (["iam"], ["admin", "change"], "audit-log-cleared"),
    (SECURITY, 4624): (["authentication"], ["start"], "logged-in"),
    (SECURITY, 4625): (["authentication"], ["start"], "logon-failed"),
    (SECURITY, 4634): (["authentication"], ["end"], "logged-out"),
    (SECURITY, 4663): (["file"], ["access"], "object-accessed"),
    (SECURITY, 4688): (["process"], ["start"], "created-process"),
    (SECURITY, 4689): (["process"], ["end"], "exited-process"),
    (SECURITY, 4720): (["iam"], ["user", "creation"], "added-user-account"),
    (SECURITY, 4732): (["iam"], ["group", "change"], "added-member-to-group"),
    (POWERSHELL, 4104): (["process"], ["info"], "script-block"),
}

#: Fields whose hashes belong to another entity than the process.
HASH_OWNER = {6: "dll", 7: "dll", 11: "file", 15: "file", 23: "file", 26: "file"}
#: Fields whose type has no room for an empty value or a dash.
INTEGERS = frozenset({"process.pid", "process.parent.pid", "source.port", "destination.port"})
BOOLEANS = frozenset({"dll.code_signature.exists", "process.code_signature.exists", "file.code_signature.exists"})
LISTS = frozenset({"registry.data.strings"})
TYPED = INTEGERS | {"source.ip", "destination.ip"}


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
