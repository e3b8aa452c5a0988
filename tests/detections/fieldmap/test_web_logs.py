"""Rules of category proxy and of Microsoft 365 over lines as products write them, from the format to the hit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hinomi.collectors.reading import explain
from hinomi.detections.engine.ruleset import vendor_rule
from hinomi.event import RawRecord

Matches = Callable[[dict[str, Any], dict[str, Any], dict[str, str]], bool]
NATIVE = "1795500010.123 345 10.1.4.10 TCP_MISS/200 20480 GET http://bad.example.org/a/run.exe?x=1 mori HIER_DIRECT/203.0.113.20 application/octet-stream"
IFILTER = (
    "Nov 25 09:15:04 4872 1000/21/ - - 10.1.2.30 10.1.2.30 - tanaka [25/Nov/2026:09:15:02 +0900] 200 0 9 - 0 12 12 -1 0 1518 0 g - 0 -"
    ' "GET http://bad.example.org/a/run.exe?x=1 HTTP/1.1" - curl%2F8 application%2Foctet-stream A6'
)
INTERSAFE = "2026/11/25\t09:41:00\tHTTP\t10.1.3.11\tg\tono\tcurl/8\tProxied\t-\t200\tbad.example.org\t5\t0\t0\t-\t-\t-\t-\t-\t-\t-\thttp://bad.example.org/a/run.exe?x=1\tHTTP/1.1\tGET\t-"
PROXY = {"category": "proxy"}


@pytest.mark.parametrize(
    ("line", "name"), [(NATIVE, "squid.access"), (IFILTER, "ifilter.access"), (INTERSAFE, "intersafe.access")]
)
@pytest.mark.parametrize(
    ("search", "hits"),
    [
        ({"c-uri|endswith": "/a/run.exe?x=1"}, True),
        ({"cs-host": "bad.example.org", "cs-method": "GET"}, True),
        ({"r-dns|endswith": ".example.org"}, True),
        ({"c-uri-extension": "exe", "sc-status": 200}, True),
        ({"c-uri-query": "x=1", "cs-uri-stem": "/a/run.exe"}, True),
        ({"cs-host": "good.example.org"}, False),
        ({"cs-method": "POST"}, False),
    ],
)
def test_a_rule_for_proxies_meets_the_line(
    matches: Matches, line: str, name: str, search: dict[str, Any], hits: bool
) -> None:
    (event,) = explain(RawRecord(line.encode(), "s", "p:1", 1_795_500_000_000_000), name)
    assert matches({"s": search, "condition": "s"}, event, PROXY) is hits


def test_a_rule_for_the_audit_log_meets_a_record(matches: Matches) -> None:
    record = {
        "CreationTime": "2026-11-25T00:53:00", "Id": "1", "Operation": "New-InboxRule", "OrganizationId": "o", "RecordType": 1, "ResultStatus": "True",
        "UserId": "sato@aoba.example", "Workload": "Exchange", "Parameters": [{"Name": "ForwardTo", "Value": "x@outside.example"}],
    }  # fmt: skip
    (event,) = explain(RawRecord(json.dumps(record).encode(), "s", "p:1", 1), "m365.audit")
    source = {"product": "m365", "service": "exchange"}
    assert matches(
        {"s": {"Operation": "New-InboxRule", "Parameters|contains": "ForwardTo"}, "condition": "s"}, event, source
    )
    assert not matches({"s": {"Operation": "Set-InboxRule"}, "condition": "s"}, event, source)


def test_alerts_of_operation_logs_and_data_loss_prevention_are_judged_as_what_they_are() -> None:
    golden = Path(__file__).parents[2] / "golden" / "formats"
    judged = []
    for name, case in (("lanscope.operation", "alerts"), ("m365.audit", "records")):
        for line in (golden / name / f"{case}.log").read_bytes().splitlines():
            (event,) = explain(RawRecord(line, "s", "p:1", 1_795_500_000_000_000), name)
            if event["event.kind"] == "alert":
                rule = vendor_rule(event)
                judged.append((rule.title, rule.level, rule.category, rule.contain))
    assert judged == [
        ("持ち出し", "medium", "data_egress", "never"), ("禁止URL", "low", "policy", "never"), ("時間外", "low", "policy", "never"), ("名簿の送信", "high", "data_egress", "never"),
    ]  # fmt: skip
