"""Log sources without a product: proxy, web server, DNS, firewall, antivirus, and the event categories of any system.

They meet events by what ECS says of them (event.category, observer.type, …), and by dataset where a maker's integration
says no more than *web*. Fields: github.com/SigmaHQ/sigma-specification, appendix taxonomy, which took them from W3C
extended log format; ECS: elastic.co/docs/reference/ecs.
"""

from hinomi.detections.fieldmap import Targets, fieldmaps, table
from hinomi.detections.fieldmap.operating_systems import ANY, EVENTS, VALUES
from hinomi.detections.fieldmap.readers import Hashes, split_hash
from hinomi.detections.fieldmap.windows import ALSO, CATEGORIES, classify

#: Products whose *web* events are requests of people going out (proxies, web filters, logs of operations on the PC).
PROXIES = (
    "squid", "ifilter", "intersafe", "zscaler_zia", "cisco_umbrella", "netskope", "forcepoint_web", "bluecoat", "skyhigh", "iboss", "menlo",
    "barracuda", "prisma_access", "skysea", "lanscope", "assetview", "crowdstrike", "m365_defender",
)  # fmt: skip
#: The same, whose every event is one.
PURE_PROXIES = (
    "squid.access",
    "squid.log",
    "ifilter.access",
    "ifilter.block",
    "intersafe.access",
    "zscaler_zia.web",
    "bluecoat.director",
)
#: Endpoint products whose alerts are the antivirus' word, whatever category they bear.
EDR = (
    "microsoft_defender_endpoint", "m365_defender", "crowdstrike", "sentinel_one", "carbon_black_cloud", "trend_micro_vision_one", "trendmicro", "cybereason",
    "sophos", "sophos_central", "symantec_endpoint", "withsecure_elements", "trellix_epo_cloud", "eset_protect", "kaspersky", "bitdefender", "endpoint",
)  # fmt: skip
#: Servers that log the requests they answer.
WEB_SERVERS = (
    "apache",
    "nginx",
    "iis",
    "apache_tomcat",
    "tomcat",
    "traefik",
    "haproxy",
    "nginx_ingress_controller",
    "lighttpd",
    "caddy",
    "modsecurity",
)
DNS_DATASETS = ("zscaler_zia.dns", "zeek.dns", "cisco_umbrella.dns", "network_traffic.dns", "aws.route53_resolver_logs", "infoblox_nios.log", "suricata.eve", "microsoft_dnsserver.audit", "bind.query", "unbound.query", "dnsmasq.query")  # fmt: skip
WEB: dict[str, Targets] = {
    "cs-method": "http.request.method", "c-method": "http.request.method", "sc-status": "http.response.status_code", "cs-version": "http.version",
    "c-ip": ("source.ip", "source.address", "client.ip"), "s-ip": ("destination.ip", "server.ip"), "s-port": "destination.port", "c-port": "source.port",
    "src_ip": "source.ip", "src_port": "source.port", "dst_ip": "destination.ip", "dst_port": "destination.port", "r-ip": "destination.ip",
    "cs-username": "user.name", "c-username": "user.name", "cs-bytes": ("http.request.bytes", "source.bytes"),
    "sc-bytes": ("http.response.bytes", "destination.bytes"), "time-taken": "event.duration", "s-computername": ("host.name", "observer.name"), "s-sitename": "iis.access.site_name",
    "s-dns": "destination.domain", "cs-host": ("url.domain", "destination.domain"), "r-dns": ("url.domain", "destination.domain"), "c-dns": "source.domain",
    "c-useragent": "user_agent.original", "cs-user-agent": "user_agent.original", "cs(User-Agent)": "user_agent.original", "user-agent": "user_agent.original",
    "cs-referer": "http.request.referrer", "cs-referrer": "http.request.referrer", "c-referer": "http.request.referrer", "cs(Referer)": "http.request.referrer",
    "cs-cookie": "http.request.headers.cookie", "cs-content-type": "http.request.mime_type", "sc-content-type": "http.response.mime_type",
    "c-uri-extension": "url.extension", "cs-uri-extension": "url.extension", "cs-uri-scheme": "url.scheme", "cs-uri-port": "url.port", "cs-uri-host": "url.domain",
    "referer": "http.request.referrer", "referrer": "http.request.referrer", "useragent": "user_agent.original", "user_agent": "user_agent.original",
    "uri": "url.original", "url": ("url.original", "url.full"), "uri_path": "url.path", "uri_query": "url.query", "host": ("url.domain", "destination.domain"),
    "method": "http.request.method", "status": "http.response.status_code", "username": "user.name",
    "sc-substatus": "iis.access.sub_status", "sc-win32-status": "iis.access.win32_status", "s-action": "event.action", "cs-categories": "rule.category",
}  # fmt: skip
SIGNATURES = ("rule.name", "threat.software.name", "threat.indicator.name", "winlog.event_data.ThreatName", "threat.enrichments.indicator.name")  # fmt: skip

#: Categories that any operating system has; the others are Windows' own, and a rule that names no product means them.
ANYWHERE = frozenset(
    {
        "process_creation",
        "process_termination",
        "network_connection",
        "dns_query",
        "file_event",
        "file_change",
        "file_delete",
    }
)


def _by_windows(category: str) -> list[str]:
    """Return the conditions of a category's events in the Windows event log."""
    return [
        f"winlog.channel={channel} & event.code={code}" for channel, codes in CATEGORIES[category] for code in codes
    ]


fieldmaps.register("any")(
    table(
        {
            **{category: (*asked, *_by_windows(category)) for category, asked in EVENTS.items() if category in ANYWHERE},
            "proxy": (
                *(f"event.dataset={name}" for name in PURE_PROXIES), *(f"event.module={name} & event.category=web" for name in PROXIES),
                "event.category=web & observer.type=proxy", "event.category=web & event.category=network",
                *(f"event.category=web & event.type={kind}" for kind in ("connection", "allowed", "denied", "protocol")),
            ),
            "webserver": (
                *(f"event.module={name}" for name in WEB_SERVERS), "event.dataset=zeek.http", "event.dataset=aws.elb_logs", "event.dataset=aws.s3access",
                "event.dataset=aws.cloudfront_logs", "event.dataset=azure.application_gateway", "event.category=web & observer.type=waf",
            ),
            "dns": (*(f"event.dataset={name}" for name in DNS_DATASETS), "network.protocol=dns", "dns.type=query", "dns.type=answer", *_by_windows("dns_query")),
            "firewall": (
                "observer.type=firewall", "event.category=network & event.type=allowed", "event.category=network & event.type=denied",
                "event.dataset=zscaler_zia.firewall", "event.dataset=fortinet_fortigate.log", "event.dataset=panw.panos", "event.dataset=cisco_asa.log",
                "event.dataset=cisco_ftd.log", "event.dataset=sonicwall_firewall.log", "event.dataset=checkpoint.firewall", "event.dataset=iptables.log",
                "event.dataset=pfsense.log", "event.dataset=zeek.connection", "event.dataset=netflow.log",
            ),
            "antivirus": (
                "event.category=malware", *(f"event.kind=alert & event.category={kind}" for kind in ("threat", "process", "file", "host")),
                *(f"event.kind=alert & event.module={name}" for name in EDR),
                *_by_windows("antivirus"),
                "event.module=clamav", "event.module=sophos & event.category=threat",
            ),
            "database": ("event.category=database",),
            "apache": ("event.module=apache",), "nginx": ("event.module=nginx",), "iis": ("event.module=iis",), "modsecurity": ("event.module=modsecurity",),
            "netflow": ("event.module=netflow", "event.dataset=netflow.log", "event.category=network & event.type=connection"),
        },
        {**ANY, **WEB},
        of={
            "process_creation": ALSO["process_creation"],
            "proxy": {
                "c-uri": ("url.original", "url.full"), "cs-uri": ("url.original", "url.full", "url.path"), "c-uri-query": "url.query",
                "cs-uri-query": "url.query", "c-uri-stem": "url.path", "cs-uri-stem": "url.path", "cs-content-type": ("http.request.mime_type", "http.response.mime_type"),
                "action": "event.action", "blocked": "event.type",
            },
            # What Sigma's rules call query is path and query of the request line.
            "webserver": {
                "c-uri": ("url.original", "url.path"), "cs-uri": ("url.original", "url.path"), "cs-uri-query": ("url.query", "url.original"),
                "c-uri-query": ("url.query", "url.original"), "cs-uri-stem": ("url.path", "url.original"), "c-uri-stem": ("url.path", "url.original"),
                "cs-host": ("url.domain", "destination.domain", "http.request.headers.host"), "c-ip": ("source.ip", "source.address"),
            },
            "dns": {
                **dict.fromkeys(("query", "QueryName", "QNAME", "question"), "dns.question.name"), **dict.fromkeys(("qtype", "qtype_name"), "dns.question.type"),
                "rcode": "dns.response_code", "rcode_name": "dns.response_code", "parent_domain": "dns.question.registered_domain",
                "record_type": ("dns.question.type", "dns.answers.type"), "query_type": "dns.question.type", "answer": ("dns.answers.data", "dns.answers.name", "dns.resolved_ip"),
                "answers": ("dns.answers.data", "dns.answers.name", "dns.resolved_ip"), "response_code": "dns.response_code", "ttl": "dns.answers.ttl",
            },
            "firewall": {
                "protocol": ("network.transport", "network.protocol"), "username": "user.name", "application": "network.application",
                "action": ("event.action", "event.type"), "blocked": "event.type", "src_zone": "observer.ingress.zone", "dst_zone": "observer.egress.zone",
                "rule": "rule.name", "src_host": "source.domain", "dst_host": "destination.domain", "bytes_in": "destination.bytes", "bytes_out": "source.bytes",
            },
            "antivirus": {
                "Signature": SIGNATURES, "Filename": ("file.path", "winlog.event_data.Path", "process.executable"), "Action": ("event.action", "winlog.event_data.ActionName"),
                "Status": ("event.outcome", "labels.status"), "Category": ("rule.category", "winlog.event_data.CategoryName"), "Severity": ("log.level", "winlog.event_data.SeverityName"),
                "FileHash": "sigma.hashes", "User": ("user.name", "winlog.event_data.DetectionUser"),
            },
            "netflow": {"destination.port": "destination.port"},
        },
        vendor=("labels.", "winlog.event_data.", "file.Ext.", "process.Ext.", "http.request.headers.", "iis.access."),
        values={
            **VALUES,
            "action": {
                "event.type": {
                    **dict.fromkeys(("accept", "accepted", "allow", "allowed", "forward", "permit", "permitted", "pass", "2"), "allowed"),
                    **dict.fromkeys(("block", "blocked", "deny", "denied", "drop", "dropped", "reject", "1"), "denied"),
                }
            },
            "blocked": {"event.type": {"true": "denied", "false": "allowed"}},
        },
        fold=True,
        virtual={"sigma.hashes": Hashes()},
        split={"Hashes": split_hash, "Hash": split_hash, "FileHash": split_hash},
        classify=classify,
    )
)  # fmt: skip
