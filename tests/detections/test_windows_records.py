"""A Sigma rule asks for Windows' own names; it finds them in the record of any agent, whatever ECS made of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hinomi.collectors.reading import explain
from hinomi.event import RawRecord

Ask = Callable[..., bool]
SYSMON = "Microsoft-Windows-Sysmon/Operational"


def event_of(value: dict[str, Any]) -> dict[str, Any]:
    return explain(RawRecord(json.dumps(value).encode(), "s", "p:1", 1), "windows.eventlog")[0]


def shapes(channel: str, code: int, data: dict[str, str]) -> list[dict[str, Any]]:
    """Return one event as four agents write it."""
    return [
        {"EventID": code, "Channel": channel, "Hostname": "h", "SourceName": "p", "EventTime": "2026-11-24 09:00:00", **data},
        {"winlog": {"channel": channel, "event_id": str(code), "computer_name": "h", "event_data": data}},
        {"winlog.channel": channel, "winlog.event_id": code, **{f"winlog.event_data.{k}": v for k, v in data.items()}},
        {"Event": {"System": {"EventID": code, "Channel": channel, "Computer": "h"}, "EventData": data}},
        {"Event": {"System": {"EventID": {"#text": str(code)}, "Channel": channel},
                   "EventData": {"Data": [{"@Name": k, "#text": v} for k, v in data.items()]}}},
    ]  # fmt: skip


#: service or category, channel, event id, event data, what a rule asks for.
CASES: list[tuple[dict[str, str], str, int, dict[str, str], dict[str, Any]]] = [
    ({"service": "sysmon"}, SYSMON, 1, {"RuleName": "technique_id=T1059"}, {"RuleName|contains": "T1059"}),
    ({"service": "sysmon"}, SYSMON, 1, {"User": "NT AUTHORITY\\SYSTEM"}, {"User": "NT AUTHORITY\\SYSTEM"}),
    ({"category": "process_creation"}, SYSMON, 1, {"User": "M\\sato"}, {"User|startswith": "M\\"}),
    ({"category": "process_creation"}, SYSMON, 1, {"ParentImage": "-"}, {"ParentImage": "-"}),
    ({"category": "network_connection"}, SYSMON, 3, {"DestinationIp": "0:0:0:0:0:0:0:1"}, {"DestinationIp": "0:0:0:0:0:0:0:1"}),
    ({"category": "network_connection"}, SYSMON, 3, {"DestinationIp": "0:0:0:0:0:0:0:1"}, {"DestinationIp|cidr": "::1/128"}),
    ({"category": "network_connection"}, SYSMON, 3, {"DestinationHostname": "-"}, {"DestinationHostname": "-"}),
    ({"service": "security"}, "Security", 4769, {"TargetUserName": "u@REALM"}, {"EventID": 4769, "TargetUserName|contains": "@"}),
    ({"service": "security"}, "Security", 4768, {"IpAddress": "::ffff:10.0.0.9"}, {"IpAddress|startswith": "::ffff:"}),
    ({"service": "security"}, "Security", 4624, {"IpAddress": "-"}, {"IpAddress": "-"}),
    ({"service": "security"}, "Security", 4738, {"SubjectUserName": "a", "TargetUserName": "b"}, {"TargetUserName": "b"}),
    ({"service": "security"}, "Security", 4732, {"TargetUserName": "Administrators", "MemberName": "-"}, {"TargetUserName": "administrators"}),
    ({"service": "security"}, "Security", 4697, {"ServiceName": "-"}, {"ServiceName": "-"}),
    ({"service": "firewall-as"}, "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall", 2004, {"RuleName": "any"}, {"RuleName": "any"}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "channel", "code", "data", "asked"), CASES, ids=lambda item: str(item)[:60])
def test_a_field_is_found_as_the_record_says_it_in_every_shape(
    matches: Ask, source: dict[str, str], channel: str, code: int, data: dict[str, str], asked: dict[str, Any]
) -> None:
    rule = {"s": asked, "condition": "s"}
    found = [matches(rule, event_of(shape), {"product": "windows", **source}) for shape in shapes(channel, code, data)]
    assert found == [True] * len(found)


def test_the_subject_of_an_event_is_not_taken_for_its_target(matches: Ask) -> None:
    event = event_of(shapes("Security", 4738, {"SubjectUserName": "a", "TargetUserName": "b"})[0])
    assert not matches(
        {"s": {"TargetUserName": "a"}, "condition": "s"}, event, {"product": "windows", "service": "security"}
    )


def test_a_channel_in_lower_case_is_the_same_channel(matches: Ask) -> None:
    event = event_of(
        {
            "EventID": 4688,
            "Channel": "security",
            "Hostname": "h",
            "NewProcessName": "C:\\x\\cmd.exe",
            "CommandLine": "cmd /c",
        }
    )
    asked = {"s": {"Image|endswith": "\\cmd.exe", "CommandLine|contains": "/c"}, "condition": "s"}
    assert event["winlog.channel"] == "Security"
    assert matches(asked, event, {"product": "windows", "category": "process_creation"})
