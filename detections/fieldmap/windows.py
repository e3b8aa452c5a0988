"""Sigma's Windows log sources and fields, on the events that `windows.eventlog` makes.

Log sources: github.com/SigmaHQ/sigma-specification, appendix taxonomy. Fields: `hinomi.collectors.winlog`;
what has no ECS field is ``winlog.event_data.<Field>``. Events of endpoint agents that write ECS join by category.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hinomi.collectors import winlog
from hinomi.collectors.winlog import POWERSHELL, SECURITY, SYSMON
from hinomi.detections.fieldmap import Choice, Condition, Targets, fieldmaps, table
from hinomi.detections.fieldmap.operating_systems import VALUES, on
from hinomi.detections.fieldmap.readers import SINGLE, Hashes, split_hash
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
    "file_block_shredding": ((SYSMON, (28,)),),
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

#: Names of a record itself, and those that are the same everywhere.
SYSTEM: dict[str, Targets] = {
    "EventID": "event.code", "Channel": ("winlog.channel", "winlog.event_data.Channel"), "EventLog": "winlog.channel", "Provider_Name": "event.provider",
    "ProviderName": "event.provider", "Provider": "event.provider", "Source": "event.provider", "Computer": "host.name",
    "ComputerName": "host.name", "Hostname": "host.name", "Message": "message", "Level": "log.level",
    "Keywords": "event.outcome", "EventRecordID": "winlog.record_id", "RecordNumber": "winlog.record_id", "Task": "winlog.task",
    "Opcode": "winlog.opcode", "Version": "winlog.version", "UserID": "winlog.user.identifier", "SecurityID": "winlog.user.identifier",
    **SINGLE, "Hashes": "sigma.hashes", "Hash": "sigma.hashes", "Initiated": "network.direction",
    "SourceIsIpv6": ("winlog.event_data.SourceIsIpv6", "network.type"),
    "DestinationIsIpv6": ("winlog.event_data.DestinationIsIpv6", "network.type"),
    "User": ("winlog.event_data.User", "user.name", "user.domain"),
}  # fmt: skip
#: What Sysmon calls so, the Security log calls otherwise and `winlog` leaves by its own name.
ALSO: dict[str, dict[str, Targets]] = {
    "process_creation": {
        "IntegrityLevel": ("winlog.event_data.IntegrityLevel", "winlog.event_data.MandatoryLabel"),
        "LogonId": ("winlog.event_data.LogonId", "winlog.event_data.SubjectLogonId"),
        "ParentUser": ("winlog.event_data.ParentUser", "process.parent.user.name"),
    },
    "file_access": {"FileName": ("winlog.event_data.FileName", "file.path"), "Image": ("winlog.event_data.Image", "process.executable")},
    "file_rename": {
        "TargetFilename": ("winlog.event_data.TargetFilename", "file.path"), "Image": ("winlog.event_data.Image", "process.executable"),
        "SourceFilename": ("winlog.event_data.SourceFilename", "file.Ext.original.path"),
    },
    "wmi": {"Provider": "winlog.event_data.Provider"},
    "antivirus": {
        "Signature": "winlog.event_data.ThreatName", "Filename": "winlog.event_data.Path", "Action": "winlog.event_data.ActionName",
        "Category": "winlog.event_data.CategoryName", "Severity": "winlog.event_data.SeverityName",
    },
}  # fmt: skip
LEVELS = {"0": "information", "1": "critical", "2": "error", "3": "warning", "4": "information", "5": "verbose"}
OUTCOMES = {
    "0x8020000000000000": "success",
    "0x8010000000000000": "failure",
    "audit success": "success",
    "audit failure": "failure",
}


#: ECS fields that leave a value they have no room for under the record's own name.
NARROW = (winlog.TYPED - winlog.LISTS) | winlog.DASHED
FEW = 8
"""Event ids that a query names one by one; of more, the whole channel is asked."""


def _conditions(channel: str, ids: tuple[int, ...]) -> list[Condition]:
    if not ids:
        return [(("winlog.channel", channel),)]
    return [(("winlog.channel", channel), ("event.code", str(number))) for number in ids]


def _sources() -> dict[str, Sequence[str | Condition]]:
    """Return the routes: categories by channel and event id (and as ECS agents write them), services by channel."""
    by_agents = on("windows")
    made: dict[str, Sequence[str | Condition]] = {
        category: [*(c for channel, ids in events for c in _conditions(channel, ids)), *by_agents.pop(category, ())]
        for category, events in CATEGORIES.items()
    }
    made |= {
        service: [(("winlog.channel", channel),) for channel in channels] for service, channels in SERVICES.items()
    }
    return {**by_agents, **made, "": ["event.module=windows", "host.os.type=windows"]}


@dataclass(frozen=True)
class OfEvent:
    """A Windows field whose ECS field depends on the event: what the mapping of its own channel and id made of it."""

    name: str

    evidence = staticmethod(str)

    @property
    def choices(self) -> Sequence[Choice]:
        """Each ECS field under the channels and ids that write it, and the original name."""
        kinds: dict[tuple[str, str], list[int]] = defaultdict(list)
        for (channel, number), names in winlog.FIELDS.items():
            if target := names.get(self.name):
                kinds[channel, target].append(number)
        found: list[Choice] = [((), (f"winlog.event_data.{self.name}",))]
        for (channel, target), numbers in kinds.items():
            codes = (
                [(("event.code", str(number)),) for number in numbers]
                if len(numbers) <= FEW and 0 not in numbers
                else [()]
            )
            found += [((("winlog.channel", channel), *code), (target,)) for code in codes]
        return found

    def __call__(self, event: Event) -> list[Any]:
        """Return the field's values in an event: as the record wrote it, where that was changed on the way to ECS."""
        code = str(event.get("event.code", ""))
        mapped = winlog.mapping(str(event.get("winlog.channel", "")), int(code)) if code.isdigit() else {}
        value = event.get(f"winlog.event_data.{self.name}", event.get(mapped.get(self.name, "")))
        return value if isinstance(value, list) else [] if value is None else [value]


def _written(channels: Sequence[str]) -> dict[str, set[str]]:
    """Return ECS field → the Windows names that may be in it, in these channels."""
    found: dict[str, set[str]] = defaultdict(set)
    for (channel, _), names in winlog.FIELDS.items():
        if channel in channels:
            for name, target in names.items():
                found[target].add(name)
    return found


def _of_category(category: str) -> dict[str, Targets]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for channel, ids in CATEGORIES[category]:
        for number in ids:
            for name, target in winlog.mapping(channel, number).items():
                found[name][target] = None
                if target.startswith("dll."):  # Elastic's pipelines call the image a file
                    found[name][f"file.{target.removeprefix('dll.')}"] = None
                if target in NARROW:
                    found[name][f"winlog.event_data.{name}"] = None
    return {name: tuple(targets) for name, targets in found.items() if name != "User"} | ALSO.get(category, {})


def _of_service(service: str) -> dict[str, Targets]:
    """Return a service's names: those that share an ECS field with another name are read by the event's own kind."""
    found: dict[str, Targets] = {}
    written = _written(SERVICES[service])
    names = {name for shared in written.values() for name in shared} - {"User"}
    for name in sorted(names):
        targets = [target for target, shared in written.items() if name in shared]
        alone = service == "sysmon" or all(len(written[target]) == 1 for target in targets)
        found[name] = (*targets, f"winlog.event_data.{name}") if alone else f"sigma.{name}"
    return found | ALSO.get(service, {})


#: Names that mean different ECS fields from event to event, where a rule does not say which event it means.
_MANY = sorted({name for fields in winlog.FIELDS.values() for name in fields} - {"User"})


def classify(tags: Sequence[str], category: str | None, service: str | None) -> tuple[str, str]:
    """Return category and cause of a rule of others: by its ATT&CK tactics; it never contains by itself."""
    if category == "antivirus" or service == "windefend":
        return "malware", "external"
    if any(tag in ("attack.exfiltration", "attack.collection") for tag in tags):
        return "data_egress", "external"
    return "intrusion", "external"


fieldmaps.register("windows")(
    table(
        _sources(),
        SYSTEM,
        of={
            **{category: _of_category(category) for category in CATEGORIES},
            **{service: _of_service(service) for service in SERVICES},
            "": {name: f"sigma.{name}" for name in _MANY},
        },
        rest="winlog.event_data.{}",
        vendor=("winlog.", "powershell.", "file.Ext."),
        values={
            **VALUES,
            "Level": {"log.level": LEVELS},
            "Keywords": {"event.outcome": OUTCOMES},
        },
        virtual={"sigma.hashes": Hashes(), **{f"sigma.{name}": OfEvent(name) for name in _MANY}},
        split={"Hashes": split_hash, "Hash": split_hash},
        classify=classify,
    )
)
