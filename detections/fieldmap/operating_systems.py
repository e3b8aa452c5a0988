"""Sigma's event categories on any operating system, by ECS; and Linux and macOS, which have little of their own.

Log sources and fields: github.com/SigmaHQ/sigma-specification, appendix taxonomy. Events: Elastic's ``auditd``,
``auditd_manager``, ``system`` and ``sysmon_linux`` integrations, endpoint agents that write ECS.
"""

from collections.abc import Sequence

from hinomi.detections.fieldmap import Condition, Targets, condition, fieldmaps, table
from hinomi.detections.fieldmap.readers import SINGLE, Element, Hashes, split_hash

#: Category → what ECS calls such an event.
EVENTS = {
    "process_creation": ("event.category=process & event.type=start",),
    "process_termination": ("event.category=process & event.type=end",),
    "process_access": ("event.category=process & event.type=access",),
    "network_connection": ("event.category=network & event.type=start",),
    "dns_query": ("event.category=network & network.protocol=dns",),
    "file_event": ("event.category=file & event.type=creation",),
    "file_change": ("event.category=file & event.type=change",),
    "file_rename": ("event.category=file & event.type=change",),
    "file_delete": ("event.category=file & event.type=deletion",),
    "file_access": ("event.category=file & event.type=access",),
    "image_load": ("event.category=library & event.type=start",),
    "driver_load": ("event.category=driver & event.type=start",),
    "registry_add": ("event.category=registry & event.type=creation",),
    "registry_delete": ("event.category=registry & event.type=deletion",),
    "registry_set": ("event.category=registry & event.type=change",),
    "registry_rename": ("event.category=registry & event.type=change",),
    "registry_event": tuple(f"event.category=registry & event.type={kind}" for kind in ("creation", "change", "deletion")),
}  # fmt: skip

PROCESS: dict[str, Targets] = {
    "Image": "process.executable", "CommandLine": "process.command_line", "ProcessId": "process.pid", "ProcessGuid": "process.entity_id",
    "CurrentDirectory": "process.working_directory", "ProcessName": "process.name", "ParentImage": "process.parent.executable",
    "ParentCommandLine": "process.parent.command_line", "ParentProcessId": "process.parent.pid",
    "ParentProcessGuid": "process.parent.entity_id", "ParentUser": "process.parent.user.name", "GrandParentImage": "process.group_leader.executable",
    "User": "user.name", "OriginalFileName": "process.pe.original_file_name", "Company": "process.pe.company",
    "Description": "process.pe.description", "Product": "process.pe.product", "FileVersion": "process.pe.file_version",
    "TerminalSessionId": "process.entry_leader.entity_id", "sha1": SINGLE["sha1"], "sha256": SINGLE["sha256"], "md5": SINGLE["md5"],
    "Imphash": SINGLE["imphash"], "imphash": SINGLE["imphash"], "Hashes": "sigma.hashes", "Hash": "sigma.hashes",
}  # fmt: skip
NETWORK: dict[str, Targets] = {
    "SourceIp": "source.ip", "SourcePort": "source.port", "SourceHostname": "source.domain", "DestinationIp": "destination.ip",
    "DestinationPort": "destination.port", "DestinationHostname": "destination.domain", "Protocol": "network.transport",
    "Initiated": "network.direction", "SourceIsIpv6": "network.type", "DestinationIsIpv6": "network.type",
}  # fmt: skip
DIRECTION = {"network.direction": {"true": "egress", "false": "ingress"}}
VALUES = {
    "Initiated": DIRECTION,
    "SourceIsIpv6": {"network.type": {"true": "ipv6", "false": "ipv4"}},
    "DestinationIsIpv6": {"network.type": {"true": "ipv6", "false": "ipv4"}},
}
FILE: dict[str, Targets] = {
    "TargetFilename": "file.path", "SourceFilename": "file.Ext.original.path", "FileName": "file.path", "CreationUtcTime": "file.created",
    "ImageLoaded": ("dll.path", "file.path"),
}  # fmt: skip
OTHER: dict[str, Targets] = {
    "QueryName": "dns.question.name", "QueryResults": "dns.answers.data", "QueryStatus": "dns.response_code", "TargetObject": "registry.path",
    "Details": "registry.data.strings", "ComputerName": "host.name", "Computer": "host.name", "Hostname": "host.name",
    "Message": "message", "EventID": "event.code",
}  # fmt: skip
ANY: dict[str, Targets] = {**PROCESS, **NETWORK, **FILE, **OTHER}
VENDOR = ("auditd.", "winlog.", "file.Ext.", "process.Ext.")


def on(system: str) -> dict[str, Sequence[str | Condition]]:
    """Return the routes of every category on one operating system; events of the Windows event log have their own."""
    return {
        category: [(*condition(text), ("host.os.type", system), ("winlog.channel", "")) for text in texts]
        for category, texts in EVENTS.items()
    }


def _sysmon(*codes: str) -> list[str]:
    return [f"event.dataset=sysmon_linux.log & event.code={code}" for code in codes]


_AUTH = ("event.dataset=system.auth", "event.module=syslog")
_SYSLOG = ("event.dataset=system.syslog", "event.module=syslog")
_AUDITD = ("event.dataset=auditd.log", "event.dataset=auditd_manager.auditd", "event.module=auditd")
_LINUX = on("linux")
_LINUX["process_creation"] = [*_LINUX["process_creation"], *_sysmon("1")]
_LINUX["network_connection"] = [*_LINUX["network_connection"], *_sysmon("3")]
_LINUX["process_termination"] = [*_LINUX["process_termination"], *_sysmon("5")]
_LINUX["file_event"] = [*_LINUX["file_event"], *_sysmon("11")]
_LINUX["file_delete"] = [*_LINUX["file_delete"], *_sysmon("23")]

fieldmaps.register("linux")(
    table(
        {
            **_LINUX,
            "": ("host.os.type=linux", "event.module=system", *_AUDITD, "event.module=syslog", "event.dataset=sysmon_linux.log"),
            "auditd": _AUDITD, "auth": _AUTH, "sshd": (*_AUTH, "event.module=sshd"), "sudo": _AUTH, "pam": _AUTH, "syslog": _SYSLOG,
            "cron": _SYSLOG, "guacamole": (*_SYSLOG, "event.module=guacamole"), "clamav": (*_SYSLOG, "event.module=clamav"),
            "vsftpd": (*_SYSLOG, "event.module=vsftpd"), "modsecurity": ("event.module=modsecurity",), "sysmon": ("event.dataset=sysmon_linux.log",),
        },
        {**ANY, "IntegrityLevel": "winlog.event_data.IntegrityLevel", "LogonId": ("winlog.event_data.LogonId", "user.audit.id"), "LogonGuid": "winlog.event_data.LogonGuid"},
        of={
            # Audit records: Elastic's ``auditd`` reads the log file, ``auditd_manager`` the kernel (auditd.data.*).
            "auditd": {
                "type": ("event.action", "auditd.log.record_type", "auditd.message_type"), "exe": "process.executable", "comm": "process.name",
                "SYSCALL": ("auditd.log.syscall", "auditd.data.syscall"), "syscall": ("auditd.log.syscall", "auditd.data.syscall"),
                "key": ("auditd.log.key", "tags"), "name": ("auditd.log.name", "file.path"), "nametype": ("auditd.log.nametype", "auditd.data.nametype"),
                "cwd": "process.working_directory", "pid": "process.pid", "ppid": "process.parent.pid", "uid": "user.id", "auid": "user.audit.id",
                "euid": "user.effective.id", "suid": "user.saved.id", "fsuid": "user.filesystem.id", "gid": "user.group.id", "egid": "user.effective.group.id",
                "ouid": "user.owner.id", "acct": "user.name", "terminal": ("user.terminal", "auditd.data.terminal"), "tty": ("auditd.log.tty", "auditd.data.tty"),
                "addr": "source.address", "hostname": "source.domain", "success": ("auditd.log.success", "event.outcome"), "res": "event.outcome",
                "exit": "process.exit_code", "proctitle": ("auditd.log.proctitle", "process.title"), "unit": ("auditd.log.unit", "auditd.data.unit"),
                "cmd": "process.args", "argc": "process.args_count", "saddr": ("auditd.log.saddr", "auditd.data.saddr"), "op": ("auditd.log.op", "auditd.data.op"),
                "data": ("auditd.log.data", "auditd.data.data"), "mode": ("auditd.log.mode", "auditd.data.mode"), "dir": "auditd.log.dir",
                "path": ("auditd.log.path", "file.path"), "items": "auditd.log.items", "ses": ("auditd.log.ses", "auditd.session"),
                **{f"a{n}": (f"sigma.auditd.a{n}", f"auditd.data.a{n}") for n in range(32)},
            },
            "auth": {"pam_message": "message", "pam_user": "user.name", "pam_rhost": ("source.address", "source.ip"), "pam_service": "process.name"},
            "sudo": {"USER": ("user.effective.name", "system.auth.sudo.user"), "COMMAND": "system.auth.sudo.command", "PWD": "system.auth.sudo.pwd",
                     "TTY": "system.auth.sudo.tty"},
        },
        rest={"auditd": "auditd.log.{}"},
        vendor=(*VENDOR, "system.auth.", "user.audit.", "user.saved.", "user.filesystem.", "user.owner.", "user.terminal"),
        values={
            **VALUES,
            "res": {"event.outcome": {"1": "success", "success": "success", "0": "failure", "failed": "failure"}},
            "success": {"event.outcome": {"yes": "success", "no": "failure"}, "auditd.log.success": {"yes": "true", "no": "false"}},
        },
        virtual={
            f"sigma.auditd.a{n}": Element(f"auditd.log.a{n}", "process.args", n, ("event.action", "execve")) for n in range(32)
        } | {"sigma.hashes": Hashes()},
        split={"Hashes": split_hash, "Hash": split_hash},
    )
)  # fmt: skip
fieldmaps.register("macos")(
    table(
        {**on("macos"), "": ("host.os.type=macos",)},
        {**ANY, "LogonId": "process.entry_leader.entity_id"},
        vendor=VENDOR,
        values=VALUES,
        virtual={"sigma.hashes": Hashes()},
        split={"Hashes": split_hash, "Hash": split_hash},
    )
)
