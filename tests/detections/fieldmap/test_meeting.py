"""Events meet the rules of their log source, under the names and values that a rule uses."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hinomi.detections.engine.candidates import filter_of
from hinomi.detections.fieldmap import Product, fieldmaps
from hinomi.events.candidates import ALL, Is, holds

ECS = Path(__file__).parents[4] / "shared" / "data" / "ecs"
Matches = Callable[[dict[str, Any], dict[str, Any], dict[str, str]], bool]
SYSMON = {"winlog.channel": "Microsoft-Windows-Sysmon/Operational", "event.module": "windows"}
SECURITY = {"winlog.channel": "Security", "event.module": "windows"}
MD5 = "0123456789abcdef0123456789abcdef"
RULE: dict[str, Any] = {
    "title": "t", "id": "00000000-0000-4000-8000-000000000001", "status": "test", "description": "d", "author": "hinomi", "date": "2026-11-24", "level": "high",
}  # fmt: skip
WEB = {
    "event.category": ["web"],
    "url.original": "http://school.example/a/get.php?x=1",
    "http.response.status_code": 200,
}

#: (log source, search, event that meets it, change to the event that ends it; None: the field goes).
CASES: list[tuple[str, dict[str, str], dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("outgoing", {"product": "windows", "category": "network_connection"}, {"Initiated": "true"}, {**SYSMON, "event.code": "3", "network.direction": "egress"}, {"network.direction": "ingress"}),
    ("a hash of Hashes", {"product": "windows", "category": "process_creation"}, {"Hashes|contains": f"MD5={MD5.upper()}"}, {**SYSMON, "event.code": "1", "process.hash.md5": MD5}, {"process.hash.md5": MD5[::-1]}),
    ("begin of a hash", {"product": "windows", "category": "image_load"}, {"Hashes|contains": "IMPHASH=0123"}, {**SYSMON, "event.code": "7", "dll.pe.imphash": MD5}, {"dll.pe.imphash": MD5[::-1]}),
    ("that there is a hash", {"product": "windows", "category": "create_stream_hash"}, {"Hash|contains": "IMPHASH="}, {**SYSMON, "event.code": "15", "file.pe.imphash": MD5}, {"file.pe.imphash": None}),
    ("a pattern over hashes", {"product": "windows", "category": "process_creation"}, {"Hashes|re": f"MD5={MD5[:4]}.*"}, {**SYSMON, "event.code": "1", "process.hash.md5": MD5}, {"process.hash.md5": "9" + MD5[1:]}),
    ("a hash alone", {"product": "windows", "category": "process_creation"}, {"md5": MD5}, {**SYSMON, "event.code": "1", "process.hash.md5": MD5}, {"process.hash.md5": MD5[::-1]}),
    ("audit failure", {"product": "windows", "service": "security"}, {"Keywords": "0x8010000000000000"}, {**SECURITY, "event.code": "4625", "event.outcome": "failure"}, {"event.outcome": "success"}),
    ("level of a record", {"product": "windows", "service": "application"}, {"Level": 2}, {"winlog.channel": "Application", "event.code": "1000", "log.level": "error"}, {"log.level": "warning"}),
    ("integrity of 4688", {"product": "windows", "category": "process_creation"}, {"IntegrityLevel": ["System", "S-1-16-16384"]}, {**SECURITY, "event.code": "4688", "winlog.event_data.MandatoryLabel": "S-1-16-16384"}, {"winlog.event_data.MandatoryLabel": "S-1-16-4096"}),
    ("nobody, in whatever field", {"product": "windows", "category": "process_creation"}, {"User": "", "Image|endswith": "x"}, {**SYSMON, "event.code": "1", "process.executable": "x", "user.name": ""}, {"user.name": "sato"}),
    ("an agent's process", {"product": "windows", "category": "process_creation"}, {"Image|endswith": "\\x.exe"}, {"event.category": ["process"], "event.type": ["start"], "host.os.type": "windows", "process.executable": "C:\\x.exe"}, {"host.os.type": "linux"}),
    ("a registry key made is no value set", {"product": "windows", "category": "registry_set"}, {"TargetObject|contains": "Run"}, {**SYSMON, "event.code": "13", "event.category": ["registry"], "event.type": ["change"], "host.os.type": "windows", "registry.path": "HKLM\\Run\\x"}, {"event.code": "12"}),
    ("linux process", {"product": "linux", "category": "process_creation"}, {"CommandLine|contains": "nc -e"}, {"event.category": ["process"], "event.type": ["start"], "host.os.type": "linux", "process.command_line": "nc -e sh"}, {"event.type": ["end"]}),
    ("argument of execve", {"product": "linux", "service": "auditd"}, {"type": "EXECVE", "a1": "-l"}, {"event.dataset": "auditd.log", "event.action": "execve", "process.args": ["ls", "-l"]}, {"process.args": ["-l", "ls"]}),
    ("argument of a call", {"product": "linux", "service": "auditd"}, {"type": "SYSCALL", "SYSCALL": "personality", "a0": 40000}, {"event.dataset": "auditd.log", "event.action": "syscall", "auditd.log.syscall": "personality", "auditd.log.a0": "40000"}, {"auditd.log.a0": "0"}),
    ("macos file", {"product": "macos", "category": "file_event"}, {"TargetFilename|endswith": ".plist"}, {"event.category": ["file"], "event.type": ["creation"], "host.os.type": "macos", "file.path": "/x.plist"}, {"host.os.type": "windows"}),
    ("i-FILTER", {"category": "proxy"}, {"c-uri|contains": "/get.php", "sc-status": 200}, {**WEB, "event.dataset": "ifilter.access"}, {"event.dataset": "apache.access"}),
    ("InterSafe", {"category": "proxy"}, {"cs-uri-stem": "/a/get.php"}, {**WEB, "event.module": "intersafe", "url.path": "/a/get.php"}, {"event.module": "nginx"}),
    ("a proxy nobody named", {"category": "proxy"}, {"sc-status": "200"}, {**WEB, "event.category": ["network", "web"]}, {"event.category": ["web"]}),
    ("a web server", {"category": "webserver"}, {"cs-uri-query|contains": "get.php?x="}, {**WEB, "event.module": "apache", "event.dataset": "apache.access"}, {"event.module": "squid"}),
    ("DNS of Sysmon", {"category": "dns"}, {"query|endswith": ".example"}, {**SYSMON, "event.code": "22", "dns.question.name": "a.example"}, {"event.code": "3"}),
    ("antivirus of Windows", {"category": "antivirus"}, {"Signature|contains": "Mimikatz"}, {"winlog.channel": "Microsoft-Windows-Windows Defender/Operational", "event.code": "1116", "winlog.event_data.ThreatName": "HackTool:Win32/Mimikatz"}, {"event.code": "5001"}),
    ("antivirus of an EDR", {"category": "antivirus"}, {"Signature|contains": "Mimikatz"}, {"event.category": ["malware"], "threat.software.name": "Mimikatz"}, {"event.category": ["network"]}),
    ("a firewall that let pass", {"category": "firewall"}, {"blocked": "false", "dst_port": 23}, {"event.category": ["network"], "event.type": ["allowed"], "destination.port": 23}, {"event.type": ["denied"]}),
    ("in a firewall's own word", {"category": "firewall"}, {"action": "accept"}, {"observer.type": "firewall", "event.action": "accept"}, {"event.action": "drop"}),
    ("the same in ECS's", {"category": "firewall"}, {"action": "accept"}, {"observer.type": "firewall", "event.type": ["allowed"]}, {"event.type": ["denied"]}),
    ("a parameter by its name", {"product": "m365", "service": "audit"}, {"Parameters|contains": "ForwardTo"}, {"event.dataset": "o365.audit", "o365.audit.Parameters.ForwardTo": "x@y"}, {"event.dataset": "o365.other"}),
    ("a parameter by its value", {"product": "m365", "service": "exchange"}, {"Parameters|contains": "x@y"}, {"event.dataset": "o365.audit", "o365.audit.Parameters.ForwardTo": "x@y"}, {"o365.audit.Parameters.ForwardTo": "z"}),
    ("an alert of Purview", {"product": "m365", "service": "threat_management"}, {"eventSource": "SecurityComplianceCenter", "eventName": "Odd", "status": "success"}, {"event.dataset": "o365.audit", "event.provider": "SecurityComplianceCenter", "rule.name": "Odd", "event.outcome": "success"}, {"event.outcome": "failure"}),
    ("whatever the case", {"product": "azure", "service": "signinlogs"}, {"resulttype": 50057, "Status": "Failure"}, {"event.dataset": "azure.signinlogs", "azure.signinlogs.result_type": "50057", "event.outcome": "failure"}, {"azure.signinlogs.result_type": "0"}),
    ("no named network", {"product": "azure", "service": "signinlogs"}, {"NetworkLocationDetails": "[]"}, {"event.dataset": "azure.signinlogs"}, {"azure.signinlogs.properties.network_location_details": "[{}]"}),
    ("any of the targets", {"product": "azure", "service": "auditlogs"}, {"TargetResources|contains": "7698a772"}, {"event.dataset": "azure.auditlogs", "azure.auditlogs.properties.target_resources.2.modified_properties.1.new_value": '"7698a772-x"'}, {"azure.auditlogs.properties.target_resources.2.modified_properties.1.new_value": "x"}),
    ("a property by its name", {"product": "azure", "service": "auditlogs"}, {"ConsentContext.IsAdminConsent": "false"}, {"event.dataset": "azure.auditlogs", "azure.auditlogs.properties.target_resources.0.modified_properties.3.display_name": "ConsentContext.IsAdminConsent", "azure.auditlogs.properties.target_resources.0.modified_properties.3.new_value": '"False"'}, {"azure.auditlogs.properties.target_resources.0.modified_properties.3.display_name": "Other"}),
    ("Google's name of an application", {"product": "gcp", "service": "google_workspace.admin"}, {"eventService": "admin.googleapis.com", "eventName": "DELETE_ROLE"}, {"event.dataset": "google_workspace.admin", "event.provider": "admin", "event.action": "DELETE_ROLE"}, {"event.provider": "login"}),
    ("no second factor", {"product": "aws", "service": "cloudtrail"}, {"eventName": "ConsoleLogin", "additionalEventData.MFAUsed": "NO"}, {"event.dataset": "aws.cloudtrail", "event.action": "ConsoleLogin", "aws.cloudtrail.console_login.additional_eventdata.mfa_used": False}, {"aws.cloudtrail.console_login.additional_eventdata.mfa_used": True}),
    ("a leaf of a tree", {"product": "aws", "service": "cloudtrail"}, {"requestParameters.attribute": "userData"}, {"event.dataset": "aws.cloudtrail", "aws.cloudtrail.flattened.request_parameters.attribute": "userData"}, {"event.dataset": "aws.s3access"}),
    ("Okta in snake_case", {"product": "okta", "service": "okta"}, {"securityContext.isProxy": "true"}, {"event.dataset": "okta.system", "okta.security_context.is_proxy": True}, {"okta.security_context.is_proxy": False}),
    ("Okta's behaviours taken apart", {"product": "okta", "service": "okta"}, {"debugContext.debugData.behaviors|contains": "POSITIVE"}, {"event.dataset": "okta.system", "okta.debug_context.debug_data.behaviors.New_IP": "POSITIVE"}, {"okta.debug_context.debug_data.behaviors.New_IP": "NEGATIVE"}),
    ("Zeek", {"product": "zeek", "service": "http"}, {"id.resp_h|cidr": "10.0.0.0/8", "resp_mime_types": "application/x-sh"}, {"event.dataset": "zeek.http", "destination.ip": "10.1.2.3", "zeek.http.resp_mime_types": ["text/html", "application/x-sh"]}, {"destination.ip": "11.1.2.3"}),
    ("an audit log of containers", {"product": "kubernetes", "category": "application", "service": "audit"}, {"verb": "create", "capabilities": "*"}, {"event.dataset": "kubernetes.audit_logs", "kubernetes.audit.verb": "create", "kubernetes.audit.requestObject.spec.containers.securityContext.capabilities.add": "SYS_ADMIN"}, {"kubernetes.audit.verb": "get"}),
    ("RPC firewall", {"product": "rpc_firewall", "category": "application"}, {"EventLog": "RPCFW", "EventID": 3, "OpNum": 1}, {"winlog.channel": "RPCFW", "event.code": "3", "winlog.event_data.OpNum": "1"}, {"winlog.event_data.OpNum": "2"}),
    ("words of an application", {"product": "django", "category": "application"}, {"message|contains": "SuspiciousOperation"}, {"event.module": "django", "message": "SuspiciousOperation at /"}, {"event.module": "spring"}),
    ("a product without a table", {"product": "acme", "service": "door"}, {"acme.badge|endswith": "7"}, {"event.dataset": "acme.door", "acme.badge": "0007"}, {"event.dataset": "acme.window"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_rule_meets_the_event_it_means_and_no_other(case: Any, matches: Matches) -> None:
    _, source, search, event, change = case
    changed = {name: value for name, value in (event | change).items() if value is not None}
    base = {"event.dataset": "none.such"}
    assert matches({"s": search, "condition": "s"}, base | event, source)
    assert not matches({"s": search, "condition": "s"}, base | changed, source)


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_hunt_asks_the_store_for_no_less_than_the_rule_matches(case: Any, site: Any) -> None:
    _, source, search, event, _ = case
    site.write("rule", RULE | {"logsource": source, "detection": {"s": search, "condition": "s"}})
    compiled = next(iter(site.load().current().compiled.values()))
    virtual = {
        name: made for _, product in fieldmaps if isinstance(product, Product) for name, made in product.virtual.items()
    }
    wanted = filter_of(compiled, virtual)
    assert wanted != ALL
    assert holds(wanted, event)


def flat(tree: dict[str, Any], begin: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{begin}{name}.")
        else:
            yield begin + name, value


def documents(dataset: str) -> list[dict[str, Any]]:
    """Return the ECS documents that another team made of records of a dataset."""
    folder = ECS / dataset
    if not folder.exists():
        pytest.skip(f"needs ../shared/data/ecs/{dataset}")
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*-expected.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        items = content["expected"] if isinstance(content, dict) else content
        found += [
            {"event.dataset": dataset, "event.module": dataset.split(".")[0], **dict(flat(item))}
            for item in items
            if item
        ]
    assert found
    return found


#: (dataset, log source, search, at least so many of its documents).
MET: list[tuple[str, dict[str, str], dict[str, Any], int]] = [
    ("zscaler_zia.web", {"category": "proxy"}, {"cs-method": ["GET", "POST", "CONNECT"]}, 8), ("squid.log", {"category": "proxy"}, {"c-uri|contains": "yahoo"}, 5),
    ("zscaler_zia.dns", {"category": "dns"}, {"query": "example.com"}, 1), ("zscaler_zia.firewall", {"category": "firewall"}, {"action": "drop"}, 1),
    ("o365.audit", {"product": "m365", "service": "audit"}, {"Operation": "Set-Mailbox"}, 1), ("o365.audit", {"product": "m365", "service": "audit"}, {"Operation": "UserLoggedIn", "RequestType|startswith": "OAuth2"}, 1),
    ("o365.audit", {"product": "m365", "service": "threat_management"}, {"eventSource": "SecurityComplianceCenter", "eventName|contains": "privilege", "status": "success"}, 1),
    ("google_workspace.admin", {"product": "gcp", "service": "google_workspace.admin"}, {"eventService": "admin.googleapis.com", "setting_name|contains": "setting"}, 1),
    ("google_workspace.login", {"product": "gcp", "service": "google_workspace.login"}, {"protoPayload.serviceName": "login.googleapis.com", "protoPayload.metadata.event.eventName": "suspicious_login"}, 1),
    ("google_workspace.drive", {"product": "google_workspace", "service": "drive"}, {"doc_title|endswith": ".gif"}, 1),
    ("windows.sysmon_operational", {"product": "windows", "category": "network_connection"}, {"Initiated": "true", "DestinationPort": 53}, 1),
    ("windows.sysmon_operational", {"product": "windows", "category": "process_creation"}, {"Image|endswith": "\\Sysmon.exe", "Hashes|startswith": "SHA1=ac93c3b38e57a2715572933dbcb2a1c2892dbc5e"}, 1),
    ("windows.sysmon_operational", {"product": "windows", "category": "process_access"}, {"GrantedAccess": "0x1fffff"}, 1),
    ("system.security", {"product": "windows", "service": "security"}, {"EventID": 4732, "TargetUserName": "test_group1", "SubjectUserName": "Administrator"}, 1),
]  # fmt: skip


@pytest.mark.parametrize("case", MET, ids=[f"{case[0]}-{next(iter(case[2]))}" for case in MET])
def test_rules_meet_the_documents_that_another_team_made(case: Any, site: Any) -> None:
    dataset, source, search, least = case
    rule = RULE | {"logsource": source, "detection": {"s": search, "condition": "s"}}
    site.write("rule", rule)
    ruleset = site.load().current()
    assert not ruleset.unmapped
    events = [{"event.id": str(number), **event} for number, event in enumerate(documents(dataset))]
    hits = [index for index, info in ruleset.match(events).hits if info.id == rule["id"]]
    assert len(hits) >= least
    assert len(hits) < len(events)


def test_a_computed_name_needs_no_more_than_a_function(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(event: dict[str, Any]) -> list[Any]:
        return [str(event.get("message", ""))[::-1]]

    product = Product(
        route=lambda category, service: [(("event.dataset", "x.y"),)],
        names=lambda name, category, service: (name,),
        virtual={"backwards": backwards},
    )
    monkeypatch.setitem(fieldmaps._items, "odd", product)
    site.write(
        "rule", RULE | {"logsource": {"product": "odd"}, "detection": {"s": {"backwards": "cba"}, "condition": "s"}}
    )
    ruleset = site.load().current()
    assert not ruleset.faults
    events = [{"event.id": "1", "event.dataset": "x.y", "message": text} for text in ("abc", "cba")]
    assert [index for index, _ in ruleset.match(events).hits] == [0]
    (compiled,) = ruleset.compiled.values()
    assert filter_of(compiled, product.virtual) == Is("event.dataset", "equals", "x.y")
