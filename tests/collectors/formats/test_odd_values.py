"""A value of a kind that nobody expects stands beside others that are read all the same: it is no hiding place."""

import json
from pathlib import Path
from typing import Any

import pytest

from hinomi.collectors.reading import explain
from hinomi.event import RawRecord

SYSMON = "Microsoft-Windows-Sysmon/Operational"
ODD: list[Any] = [
    None,
    "",
    "-",
    0,
    -1,
    1.5,
    True,
    2**70,
    [],
    {},
    [1, [2]],
    ["a", None],
    {"a": {"b": 1}},
    "x" * 70_000,
    "\x00",
    "\\",
    '"',
]
ALERT = {
    "id": "da1_1", "machineId": "m", "severity": "High", "status": "New", "title": "t", "category": "Malware",
    "alertCreationTime": "2026-11-24T00:00:00Z", "relatedUser": {"userName": "u", "domainName": "d"}, "mitreTechniques": ["T1"],
    "firstEventTime": "2026-11-24T00:00:00Z", "lastEventTime": "2026-11-24T00:00:00Z", "computerDnsName": "h", "description": "d",
}  # fmt: skip
EVIDENCE = {
    "entityType": "File", "fileName": "a.exe", "filePath": "C:\\t", "sha1": "a" * 40, "processId": 1, "processCommandLine": "x",
    "processCreationTime": "2026-11-24T00:00:00Z", "accountName": "u", "userSid": "S-1", "ipAddress": "192.0.2.1", "url": "http://x",
}  # fmt: skip
DATA = {
    "Image": "C:\\a.exe", "CommandLine": "a b", "User": "M\\u", "ProcessId": "4", "UtcTime": "2026-11-24 00:00:00.1", "Hashes": "MD5=aa",
    "SourceIp": "10.0.0.1", "DestinationPort": "1", "Initiated": "true", "RuleName": "r", "TargetObject": "HKLM\\a\\b", "Details": "x",
    "EventType": "SetValue", "TargetFilename": "C:\\b", "QueryName": "q", "QueryResults": "type: 5 a;", "MemberName": "CN=a,DC=b",
    "MemberSid": "S-1", "TargetUserName": "t", "TargetSid": "S-2", "SubjectUserName": "s", "Signed": "true", "ImageLoaded": "C:\\c.dll",
}  # fmt: skip
KINDS = [(SYSMON, n) for n in (1, 3, 7, 10, 11, 13, 22, 23)] + [
    ("Security", n) for n in (4624, 4688, 4732, 4738, 4768, 4781)
]
SYSTEM = (
    "Level",
    "Task",
    "Keywords",
    "EventTime",
    "TimeCreated",
    "@timestamp",
    "Message",
    "UserID",
    "EventRecordID",
    "Provider_Name",
    "Computer",
)


def read(value: dict[str, Any], name: str) -> dict[str, Any]:
    return explain(RawRecord(json.dumps(value).encode(), "s", "p:1", 1), name)[0]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_a_windows_event_with_an_odd_value_is_read_and_keeps_its_other_fields(odd: Any) -> None:
    for channel, code in KINDS:
        for name in DATA:
            data = DATA | {name: odd}
            flat = {"EventID": code, "Channel": channel, "Computer": "h", **data}
            tree = {"winlog": {"event_id": code, "channel": channel, "computer_name": "h", "event_data": data}}
            for event in (read(flat, "windows.eventlog"), read(tree, "windows.eventlog")):
                assert (event.get("event.code"), event.get("host.name")) == (str(code), "h"), (channel, code, name)
                assert "error.message" not in event


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_a_windows_event_with_an_odd_envelope_is_read(odd: Any) -> None:
    for name in SYSTEM:
        event = read({"EventID": 1, "Channel": SYSMON, "SourceName": "s", **DATA, name: odd}, "windows.eventlog")
        assert event.get("process.executable") == "C:\\a.exe", name


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_an_alert_with_an_odd_value_is_an_alert(odd: Any) -> None:
    values = [ALERT | {name: odd} for name in ALERT if name != "id"] + [ALERT | {"evidence": odd}]
    values += [ALERT | {"evidence": [EVIDENCE | {"entityType": kind, name: odd}]} for kind in ("File", "Process", "User", "Ip", "Url")
               for name in EVIDENCE if name != "entityType"]  # fmt: skip
    for value in values:
        event = read(value, "defender.alert")
        assert (event["event.kind"], event.get("error.message")) == ("alert", None), value


GOLDEN = Path(__file__).parents[2] / "golden" / "formats"


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
@pytest.mark.parametrize("name", ["crowdstrike.alert", "trend.alert"])
def test_an_alert_of_other_products_with_an_odd_value_anywhere_is_an_alert(name: str, odd: Any) -> None:
    for line in (GOLDEN / name / "alerts.log").read_text(encoding="utf-8").splitlines():
        value = json.loads(line)
        for key in value.keys() - {"id", "composite_id"}:
            inner = value[key][0] if isinstance(value[key], list) and value[key] else value[key]
            within = [{**inner, leaf: odd} for leaf in inner] if isinstance(inner, dict) else []
            for changed in (odd, [odd], *within, *([one] for one in within)):
                event = read(value | {key: changed}, name)
                assert (event["event.kind"], event.get("error.message")) == ("alert", None), (key, changed)


def test_a_cell_beyond_all_reason_hides_no_copy_to_a_stick() -> None:
    row = [""] * 92
    row[2], row[5], row[7], row[8], row[17] = "h", "sato", "2026/11/24 09:15:02", "ファイル操作", "ファイルコピー"
    row[12], row[19], row[25], row[38] = "x" * 2_000_000, "C:\\成績.xlsx", "E:\\成績.xlsx", "USBメモリ"
    (event,) = explain(RawRecord(",".join(row).encode(), "s", "p:1", 1), "skysea.operation")
    assert (event["hinomi.egress.channel"], event["file.name"]) == ("usb", "成績.xlsx")
