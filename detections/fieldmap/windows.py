"""Sigma's Windows log sources and fields, on the events that `windows.eventlog` makes.

Log sources: github.com/SigmaHQ/sigma-specification, appendix taxonomy. Fields: `hinomi.collectors.winlog`;
what has no ECS field is ``winlog.event_data.<Field>``.
"""

from collections.abc import Callable, Sequence

from hinomi.collectors import winlog
from hinomi.collectors.winlog import POWERSHELL, SECURITY, SYSMON
from hinomi.detections.fieldmap import Condition, Product, fieldmaps
from hinomi.event import Event

#: Category → (channel, event ids).
CATEGORIES: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "process_creation": ((SYSMON, (1,)), (SECURITY, (4688,))),
    "file_change": ((SYSMON, (2,)),),
    "network_connection": ((SYSMON, (3,)),),
    "sysmon_status": ((SYSMON, (4, 16)),),
    "process_termination": ((SYSMON, (5,)),),
    "driver_load": ((SYSMON, (6,)),),
    "image_load": ((SYSMON, (7,)),),
    "create_remote_thread": ((SYSMON, (8,)),),
    "raw_access_thread": ((SYSMON, (9,)),),
    "process_access": ((SYSMON, (10,)),),
    "file_event": ((SYSMON, (11,)),),
    "registry_add": ((SYSMON, (12,)),),
    "registry_delete": ((SYSMON, (12,)),),
    "registry_set": ((SYSMON, (13,)),),
    "registry_rename": ((SYSMON, (14,)),),
    "registry_event": ((SYSMON, (12, 13, 14)),),
    "create_stream_hash": ((SYSMON, (15,)),),
    "pipe_created": ((SYSMON, (17, 18)),),
    "wmi_event": ((SYSMON, (19, 20, 21)),),
    "dns_query": ((SYSMON, (22,)),),
    "file_delete": ((SYSMON, (23, 26)),),
    "clipboard_change": ((SYSMON, (24,)),),
    "process_tampering": ((SYSMON, (25,)),),
    "file_block": ((SYSMON, (27,)),),
    "file_block_executable": ((SYSMON, (27,)),),
    "file_executable_detected": ((SYSMON, (29,)),),
    "sysmon_error": ((SYSMON, (255,)),),
    "file_access": (("Microsoft-Windows-Kernel-File", ()),),
    "file_rename": (("Microsoft-Windows-Kernel-File", ()),),
    "ps_module": ((POWERSHELL, (4103,)), ("PowerShellCore/Operational", (4103,))),
    "ps_script": ((POWERSHELL, (4104,)), ("PowerShellCore/Operational", (4104,))),
    "ps_classic_start": (("Windows PowerShell", (400,)),),
    "ps_classic_provider_start": (("Windows PowerShell", (600,)),),
    "ps_classic_script": (("Windows PowerShell", (800,)),),
    "antivirus": (
        ("Microsoft-Windows-Windows Defender/Operational", (1006, 1007, 1008, 1015, 1116, 1117, 1118, 1119)),
    ),
}

#: Service → channels.
SERVICES: dict[str, tuple[str, ...]] = {
    "application": ("Application",),
    "security": ("Security",),
    "system": ("System",),
    "sysmon": (SYSMON,),
    "powershell": (POWERSHELL, "PowerShellCore/Operational"),
    "powershell-classic": ("Windows PowerShell",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
    "windefend": ("Microsoft-Windows-Windows Defender/Operational",),
    "dns-server": ("DNS Server",),
    "dns-server-analytic": ("Microsoft-Windows-DNS-Server/Analytical",),
    "dns-server-audit": ("Microsoft-Windows-DNS-Server/Audit",),
    "dns-client": ("Microsoft-Windows-DNS Client Events/Operational",),
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "dhcp": ("Microsoft-Windows-DHCP-Server/Operational",),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "applocker": (
        "Microsoft-Windows-AppLocker/MSI and Script", "Microsoft-Windows-AppLocker/EXE and DLL",
        "Microsoft-Windows-AppLocker/Packaged app-Deployment", "Microsoft-Windows-AppLocker/Packaged app-Execution",
    ),
    "bits-client": ("Microsoft-Windows-Bits-Client/Operational",),
    "bitlocker": ("Microsoft-Windows-BitLocker/BitLocker Management",),
    "capi2": ("Microsoft-Windows-CAPI2/Operational",),
    "certificateservicesclient-lifecycle-system": ("Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",),
    "codeintegrity-operational": ("Microsoft-Windows-CodeIntegrity/Operational",),
    "diagnosis-scripted": ("Microsoft-Windows-Diagnosis-Scripted/Operational",),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing",),
    "kernel-shimengine": ("Microsoft-Windows-Kernel-ShimEngine/Operational", "Microsoft-Windows-Kernel-ShimEngine/Diagnostic"),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "ldap_debug": ("Microsoft-Windows-LDAP-Client/Debug",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "microsoft-servicebus-client": ("Microsoft-ServiceBus-Client",),
    "msexchange-management": ("MSExchange Management",),
    "ntfs": ("Microsoft-Windows-Ntfs/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "security-mitigations": ("Microsoft-Windows-Security-Mitigations/Kernel Mode", "Microsoft-Windows-Security-Mitigations/User Mode"),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "smbclient-connectivity": ("Microsoft-Windows-SMBClient/Connectivity",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP/Operational",),
    "appmodel-runtime": ("Microsoft-Windows-AppModel-Runtime/Admin",),
    "appxdeployment-server": ("Microsoft-Windows-AppXDeploymentServer/Operational",),
    "appxpackaging-om": ("Microsoft-Windows-AppxPackaging/Operational",),
}  # fmt: skip

SYSTEM = {
    "EventID": "event.code", "Channel": "winlog.channel", "Provider_Name": "event.provider", "ProviderName": "event.provider",
    "Provider": "event.provider", "Source": "event.provider", "Computer": "host.name", "ComputerName": "host.name",
    "Hostname": "host.name", "Message": "message", "EventLog": "winlog.channel",
}  # fmt: skip
_OWNERS = ("process", "dll", "file")
_HASH_FIELDS = tuple(
    (kind, f"{owner}.{name}")
    for owner in _OWNERS
    for kind, name in (
        ("MD5", "hash.md5"),
        ("SHA1", "hash.sha1"),
        ("SHA256", "hash.sha256"),
        ("SHA512", "hash.sha512"),
        ("IMPHASH", "pe.imphash"),
    )
)
#: Names that several event kinds share whatever the category.
ANYWHERE = {
    "Imphash": tuple(f"{owner}.pe.imphash" for owner in _OWNERS),
    "imphash": tuple(f"{owner}.pe.imphash" for owner in _OWNERS),
    **{kind: tuple(f"{owner}.hash.{kind}" for owner in _OWNERS) for kind in ("md5", "sha1", "sha256")},
    "Hashes": ("sigma.hashes",),
    "Hash": ("sigma.hashes",),
    "Initiated": ("network.direction",),
}


def _conditions(channel: str, ids: tuple[int, ...]) -> list[Condition]:
    if not ids:
        return [(("winlog.channel", channel),)]
    return [(("winlog.channel", channel), ("event.code", str(number))) for number in ids]


def route(category: str | None, service: str | None) -> Sequence[Condition] | None:
    """Return the conditions of a log source; a rule may narrow them with EventID itself."""
    if category:
        table = CATEGORIES.get(category)
        return None if table is None else [c for channel, ids in table for c in _conditions(channel, ids)]
    if service:
        channels = SERVICES.get(service)
        return None if channels is None else [(("winlog.channel", channel),) for channel in channels]
    return [(("event.module", "windows"),)]


def names(name: str, category: str | None, service: str | None) -> tuple[str, ...]:
    """Return the ECS fields of a Sigma field; several where the event kinds of a log source differ."""
    if name == "Channel":
        return (SYSTEM[name], "winlog.event_data.Channel")  # of a cleared log: which one
    if name in SYSTEM:
        return (SYSTEM[name],)
    if name in ANYWHERE:
        return ANYWHERE[name]
    found: dict[str, None] = {}
    if category:
        for channel, ids in CATEGORIES.get(category, ()):
            for number in ids:
                if target := winlog.mapping(channel, number).get(name):
                    found[target] = None
    elif name in _MANY:
        return (f"sigma.{name}",)
    if name == "User":
        return ("winlog.event_data.User", "user.name")
    return (*found, f"winlog.event_data.{name}")


#: Names that mean different ECS fields from event to event, where a rule does not say which event it means.
_MANY = frozenset(name for fields in winlog.FIELDS.values() for name in fields)


def _of_event(name: str) -> Callable[[Event], list[str]]:
    """Return what a Windows field is in an event: what the mapping of its own channel and id made of it."""

    def read(event: Event) -> list[str]:
        code = str(event.get("event.code", ""))
        mapped = winlog.mapping(str(event.get("winlog.channel", "")), int(code)) if code.isdigit() else {}
        value = event.get(
            f"winlog.event_data.{name}", event.get(mapped.get(name, ""))
        )  # as written, where it was changed
        return value if isinstance(value, list) else [] if value is None else [value]

    return read


def hashes(event: Event) -> list[str]:
    """Return an event's hashes as Sysmon writes them: ``SHA256=…``, and all of them in one text."""
    parts = [f"{kind}={event[name]}" for kind, name in _HASH_FIELDS if name in event]
    return [",".join(parts), *parts] if parts else []


def classify(tags: Sequence[str], category: str | None, service: str | None) -> tuple[str, str]:
    """Return category and cause of a rule of others: by its ATT&CK tactics; it never contains by itself."""
    if category == "antivirus" or service == "windefend":
        return "malware", "external"
    if any(tag in ("attack.exfiltration", "attack.collection") for tag in tags):
        return "data_egress", "external"
    return "intrusion", "external"


fieldmaps.register("windows")(
    Product(
        route=route,
        names=names,
        values={"Initiated": {"true": "egress", "false": "ingress"}},
        virtual={"sigma.hashes": hashes, **{f"sigma.{name}": _of_event(name) for name in _MANY}},
        classify=classify,
    )
)
