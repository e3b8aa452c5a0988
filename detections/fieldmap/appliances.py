"""Network appliances and identity services with few rules: Cisco, Fortinet, Palo Alto, Juniper, Huawei, OneLogin, Qualys.

As Elastic's integrations name them (``fortinet.firewall.*``, ``cisco_duo.auth.*``, ``panw.panos.*``, …). Where there is none
(OneLogin, Huawei), the fields of ECS alone.
"""

from hinomi.detections.fieldmap import Targets, fieldmaps, table

_IOS = ("event.dataset=cisco_ios.log", "event.dataset=cisco.ios", "event.module=cisco_ios")
FLOW: dict[str, Targets] = {
    "src_ip": "source.ip", "src_port": "source.port", "dst_ip": "destination.ip", "dst_port": "destination.port", "src": "source.ip", "dst": "destination.ip",
    "srcip": "source.ip", "srcport": "source.port", "dstip": "destination.ip", "dstport": "destination.port", "user": ("source.user.name", "user.name"), "msg": "message",
}  # fmt: skip

fieldmaps.register("cisco")(
    table(
        {
            **dict.fromkeys(("aaa", "accounting", "ldp", "bgp", "syslog", ""), (*_IOS, "event.dataset=cisco_nexus.log")), "duo": ("event.dataset=cisco_duo.auth", "event.dataset=cisco_duo.admin"),
            "asa": ("event.dataset=cisco_asa.log",), "ftd": ("event.dataset=cisco_ftd.log",), "ise": ("event.dataset=cisco_ise.log",),
        },
        FLOW,
        of={
            "duo": {
                "event_type": "cisco_duo.auth.event_type", "reason": ("event.reason", "cisco_duo.auth.reason"), "result": "cisco_duo.auth.result", "factor": "cisco_duo.auth.factor",
                "email": "user.email", "user.name": "user.name", "user.key": "user.id", "access_device.ip": "source.ip", "application.name": "cisco_duo.auth.application.name",
                "trusted_endpoint_status": "cisco_duo.auth.trusted_endpoint_status", "txid": "cisco_duo.auth.txid", "action": "event.action",
            }
        },
        vendor=("cisco.", "cisco_duo."),
    )
)  # fmt: skip
_FORTIGATE = table(
    {
        **dict.fromkeys(("event", "traffic", "utm", "firewall", ""), ("event.dataset=fortinet_fortigate.log", "event.dataset=fortinet.firewall")),
        "sslvpnd": ("event.dataset=fortinet_fortigate.log",),
    },
    {**FLOW, "action": ("fortinet.firewall.action", "event.action"), "logid": "event.code", "level": "log.level", "service": "network.protocol", "policyid": "rule.id",
     "hostname": "url.domain", "url": ("url.original", "url.path"), "logdesc": "rule.description", "devname": "observer.name", "agent": "user_agent.original",
     "sentbyte": "source.bytes", "rcvdbyte": "destination.bytes", "filename": "file.name", "app": "network.application"},
    rest="fortinet.firewall.{}",
    vendor=("fortinet.",),
)  # fmt: skip
for _name in ("fortigate", "fortios", "fortinet"):
    fieldmaps.register(_name)(_FORTIGATE)
fieldmaps.register("paloalto")(
    table(
        dict.fromkeys(
            ("globalprotect", "appliance", "panos", "file_event", ""), ("event.dataset=panw.panos", "event.module=panw")
        ),
        {
            **FLOW,
            "TargetFilename": ("file.path", "panw.panos.file.path"),
            "app": "network.application",
            "action": "panw.panos.action",
            "rule": "rule.name",
        },
        vendor=("panw.",),
    )
)
fieldmaps.register("juniper")(
    table(dict.fromkeys(("bgp", "junos", ""), ("event.dataset=juniper_srx.log", "event.dataset=juniper_junos.log", "event.dataset=juniper.junos")), FLOW, vendor=("juniper.",))
)  # fmt: skip
fieldmaps.register("huawei")(table(dict.fromkeys(("bgp", ""), ("event.module=huawei",)), FLOW))
fieldmaps.register("onelogin")(
    table(
        {"onelogin.events": ("event.dataset=onelogin.events", "event.module=onelogin"), "": ("event.module=onelogin",)},
        {
            "event_type_id": "event.code",
            "user_name": "user.name",
            "user_id": "user.id",
            "ipaddr": "source.ip",
            "app_name": "service.name",
            "actor_user_name": "user.name",
        },
    )
)
fieldmaps.register("qualys")(
    table(
        {"": ("event.module=qualys_vmdr", "event.module=qualys")},
        {
            "host.scan.vuln": "qualys_vmdr.asset_host_detection.vulnerability.qid",
            "host.ip": "host.ip",
            "host.scan.vuln_severity": "vulnerability.severity",
        },
        vendor=("qualys_vmdr.",),
    )
)
