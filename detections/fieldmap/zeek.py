"""Zeek's logs, as Elastic's ``zeek`` integration and Beats' module name them.

Logs: docs.zeek.org/en/master/script-reference/log-files.html. A log's own fields stay ``zeek.<log>.<field>``.
"""

from hinomi.detections.fieldmap import Targets, fieldmaps, table

#: Every log: who spoke with whom.
CONNECTION: dict[str, Targets] = {
    "id.orig_h": ("source.ip", "source.address"), "id.orig_p": "source.port", "id.resp_h": ("destination.ip", "destination.address"), "id.resp_p": "destination.port",
    "uid": "zeek.session_id", "proto": "network.transport", "src_ip": "source.ip", "dst_ip": "destination.ip", "src_port": "source.port", "dst_port": "destination.port",
}  # fmt: skip
OF: dict[str, dict[str, Targets]] = {
    "http": {
        "method": "http.request.method", "host": ("url.domain", "url.original"), "uri": "url.original", "c-uri": "url.original", "referrer": "http.request.referrer",
        "user_agent": "user_agent.original", "c-useragent": "user_agent.original", "version": "http.version", "status_code": "http.response.status_code",
        "request_body_len": "http.request.body.bytes", "response_body_len": "http.response.body.bytes", "username": "url.username", "password": "url.password",
    },
    "dns": {
        "query": "dns.question.name", "qtype_name": ("dns.question.type", "zeek.dns.qtype_name"), "rcode_name": ("dns.response_code", "zeek.dns.rcode_name"),
        "answers": ("zeek.dns.answers", "dns.answers.data", "dns.resolved_ip"), "trans_id": "dns.id",
    },
    "smb_files": {"name": ("file.name", "zeek.smb_files.name"), "action": "event.action", "size": "file.size", "path": ("zeek.smb_files.path", "file.path")},
    "smb_mapping": {"path": "file.path"},
    "dce_rpc": {"operation": ("zeek.dce_rpc.operation", "event.action")},
    "x509": {
        "certificate.serial": ("file.x509.serial_number", "zeek.x509.certificate.serial"), "certificate.subject": "zeek.x509.certificate.subject",
        "certificate.issuer": "zeek.x509.certificate.issuer", "san.dns": "file.x509.alternative_names",
    },
    "ssl": {"server_name": "tls.client.server_name", "version": "tls.version", "cipher": "tls.cipher", "ja3": "tls.client.ja3", "ja3s": "tls.server.ja3s",
            "subject": "tls.server.subject", "issuer": "tls.server.issuer"},
    "kerberos": {"request_type": ("zeek.kerberos.request_type", "event.action")},
    "conn": {"service": "network.protocol", "orig_bytes": "source.bytes", "resp_bytes": "destination.bytes", "orig_pkts": "source.packets", "resp_pkts": "destination.packets",
             "conn_state": "zeek.connection.state", "history": "zeek.connection.history", "duration": "event.duration", "local_orig": "zeek.connection.local_orig",
             "local_resp": "zeek.connection.local_resp"},
    "ftp": {"user": "user.name", "command": ("zeek.ftp.command", "event.action")},
    "ssh": {"auth_success": "event.outcome", "client": "zeek.ssh.client", "server": "zeek.ssh.server"},
    "smtp": {"from": "email.from.address", "to": "email.to.address", "subject": "email.subject", "mailfrom": "email.from.address", "rcptto": "email.to.address"},
    "files": {"mime_type": "file.mime_type", "filename": "file.name", "md5": "file.hash.md5", "sha1": "file.hash.sha1", "sha256": "file.hash.sha256"},
    "notice": {"note": "zeek.notice.name", "msg": ("rule.name", "zeek.notice.msg")},
    "rdp": {"cookie": ("zeek.rdp.cookie", "user.name")},
}  # fmt: skip
#: Logs whose fields the integration keeps by Zeek's names (`zeek.<log>.<field>`), and how its dataset is called.
LOGS = {
    **{name: name for name in (*OF, "ntlm", "dhcp", "dnp3", "irc", "kerberos", "modbus", "mysql", "pe", "radius", "rfb", "sip", "snmp", "socks", "software",
                               "syslog", "tunnel", "weird", "dpd", "intel", "signature", "known_hosts", "known_services", "known_certs")},
    "conn": "connection",
}  # fmt: skip


fieldmaps.register("zeek")(
    table(
        {**{log: (f"event.dataset=zeek.{dataset}",) for log, dataset in LOGS.items()}, "": ("event.module=zeek",)},
        CONNECTION,
        of=OF,
        rest={log: f"zeek.{dataset}.{{}}" for log, dataset in LOGS.items()},
        vendor=("zeek.",),
        values={
            "auth_success": {"event.outcome": {"true": "success", "false": "failure", "t": "success", "f": "failure"}}
        },
    )
)
