"""What Sigma says a value, a modifier and a condition mean (specification 2.1.0), asked of the matcher.

Values compare without case, wildcards are * and ?, a backslash escapes what follows it only if that is special.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

F = "process.command_line"
Ask = Callable[..., bool]

#: (name, detection, events that match, events that do not); a text is the value of F.
CASES: list[tuple[str, dict[str, Any], list[Any], list[Any]]] = [
    ("equal, any case", {"s": {F: "Whoami"}}, ["whoami", "WHOAMI"], ["whoami /all", ""]),
    ("case of other scripts", {"s": {F: "ÉCOLE Straße ＡＢ"}}, ["école strasse ａｂ", "ÉCOLE STRASSE ＡＢ"], ["ecole"]),
    ("a list is or", {"s": {F: ["a", "b"]}}, ["a", "b"], ["c"]),
    ("a map is and", {"s": {F: "a", "user.name": "u"}}, [{F: "a", "user.name": "U"}], ["a", {"user.name": "u"}]),
    ("a list of maps is or", {"s": [{F: "a"}, {"user.name": "u"}]}, ["a", {"user.name": "u"}], ["b"]),
    ("star", {"s": {F: "*net* user*"}}, ["c:\\net.exe user x", "net  user"], ["user net"]),
    ("question mark", {"s": {F: "net?.exe"}}, ["net1.exe", "NETx.EXE"], ["net.exe", "net12.exe"]),
    ("escaped star", {"s": {F: "a\\*b"}}, ["a*b"], ["axb", "a\\xb"]),
    ("escaped question mark", {"s": {F: "a\\?b"}}, ["a?b"], ["axb"]),
    ("one backslash is itself", {"s": {F: "C:\\Windows\\x.exe"}}, ["c:\\windows\\x.exe"], ["C:Windowsx.exe"]),
    ("backslash before a wildcard", {"s": {F: "C:\\\\*"}}, ["C:\\anything"], ["C:*", "D:\\x"]),
    ("number as text", {"s": {"event.code": 4624}}, [{"event.code": "4624"}], [{"event.code": "46240"}]),
    ("number field", {"s": {"process.pid": 4}}, [{"process.pid": 4}], [{"process.pid": 44}, {}]),
    ("null is missing", {"s": {F: None}}, [{}], ["x"]),
    ("empty is missing or empty", {"s": {F: ""}}, [{}, ""], ["x"]),
    ("boolean", {"s": {"dll.code_signature.exists": "false"}}, [{"dll.code_signature.exists": False}], [{"dll.code_signature.exists": True}, {}]),
    ("one of many values", {"s": {"registry.data.strings": "b"}}, [{"registry.data.strings": ["a", "B"]}], [{"registry.data.strings": ["ab"]}]),
    ("contains", {"s": {f"{F}|contains": "BYPASS"}}, ["-ep bypass -c"], ["-ep by pass"]),
    ("contains a star", {"s": {f"{F}|contains": "a*c"}}, ["xxabbcxx"], ["xxcbaxx"]),
    ("contains all", {"s": {f"{F}|contains|all": ["-enc", "hidden"]}}, ["-w hidden -enc x"], ["-enc x", "hidden"]),
    ("starts", {"s": {f"{F}|startswith": "cmd"}}, ["CMD /c"], ["x cmd"]),
    ("ends", {"s": {f"{F}|endswith": "\\net.exe"}}, ["c:\\NET.EXE"], ["net.exe", "c:\\net.exe x"]),
    ("cased", {"s": {f"{F}|contains|cased": "EnC"}}, ["-EnC"], ["-enc", "-ENC"]),
    ("regular expression has case", {"s": {f"{F}|re": "^foo[0-9]+$"}}, ["foo12"], ["FOO12", "xfoo1"]),
    ("regular expression, i", {"s": {f"{F}|re|i": "foo[0-9]{2}"}}, ["xFOO12x"], ["foo1"]),
    ("regular expression, m and s", {"s": {f"{F}|re|m|s": "^b.c$"}}, ["a\nb\nc"], ["a\nbb\nc"]),
    ("cidr 4", {"s": {"source.ip|cidr": "10.1.0.0/16"}}, [{"source.ip": "10.1.255.3"}], [{"source.ip": "10.2.0.1"}, {"source.ip": "x"}, {}]),
    ("cidr 6", {"s": {"source.ip|cidr": "fe80::/10"}}, [{"source.ip": "FE80::1"}], [{"source.ip": "::1"}]),
    ("exists", {"s": {f"{F}|exists": True}}, ["x"], [{}]),
    ("exists not", {"s": {f"{F}|exists": False}}, [{}], ["x"]),
    ("field reference", {"s": {f"{F}|fieldref": "user.name"}}, [{F: "Sato", "user.name": "sato"}], [{F: "x", "user.name": "sato"}, "x"]),
    ("less", {"s": {"process.pid|lt": 10}}, [{"process.pid": 9}], [{"process.pid": 10}, {}]),
    ("less or equal", {"s": {"process.pid|lte": 10}}, [{"process.pid": 10}], [{"process.pid": 11}]),
    ("greater", {"s": {"event.code|gt": 9}}, [{"event.code": "10"}], [{"event.code": "9"}, {"event.code": "x"}]),
    ("greater or equal", {"s": {"event.code|gte": 9}}, [{"event.code": "9"}], [{"event.code": "8"}]),
    ("dash of Windows", {"s": {f"{F}|windash|contains": " -enc"}}, ["x /enc", "x -enc", "x –enc", "x —enc", "x ―enc"], ["x enc"]),
    ("base64", {"s": {f"{F}|base64|contains": "http"}}, ["x " + b64encode(b"http").decode()], ["http"]),
    ("base64 at any offset", {"s": {f"{F}|base64offset|contains": "http://"}}, [b64encode(b"x" * n + b"http://y").decode() for n in range(3)], ["http://"]),
    ("UTF-16 in base64", {"s": {f"{F}|utf16le|base64offset|contains": "IEX"}}, [b64encode("xIEX y".encode("utf-16-le")).decode()], [b64encode(b"IEX").decode()]),
    ("wide is UTF-16", {"s": {f"{F}|wide|base64offset|contains": "IEX"}}, [b64encode("IEX y".encode("utf-16-le")).decode()], ["IEX"]),
    ("hour of a time", {"s": {"@timestamp|hour": 9}}, [{"@timestamp": "2026-11-24T00:30:00.000000Z"}], [{"@timestamp": "2026-11-24T09:30:00.000000Z"}]),
    ("keywords anywhere", {"s": ["mimikatz", "sekurlsa"]}, ["run MIMIKATZ now", {"message": "x sekurlsa::x"}], ["katz"]),
    ("keywords all", {"s": {"|all": ["one", "two"]}}, [{"message": "two", F: "one"}], ["one"]),
]  # fmt: skip


def _event(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {F: value}


@pytest.mark.parametrize(("detection", "yes", "no"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_value(matches: Ask, detection: dict[str, Any], yes: list[Any], no: list[Any]) -> None:
    rule = detection | {"condition": "s"}
    assert [value for value in yes if not matches(rule, _event(value))] == []
    assert [value for value in no if matches(rule, _event(value))] == []


CONDITIONS = [
    ("a and b", {"a", "b"}, [{"a"}, {"b"}, set()]), ("a or b", {"b"}, [set(), {"c"}]), ("a and not b", {"a"}, [{"a", "b"}, {"b"}]),
    ("not a", set(), [{"a"}]), ("not (a or b)", {"c"}, [{"a"}, {"b", "c"}]), ("(a or b) and c", {"b", "c"}, [{"a", "b"}, {"c"}]),
    ("1 of them", {"c"}, [set()]), ("all of them", {"a", "b", "c", "sel_x", "sel_y"}, [{"a", "b", "c"}]), ("1 of sel_*", {"sel_y"}, [{"a"}]),
    ("all of sel_*", {"sel_x", "sel_y"}, [{"sel_x"}]), ("a and not 1 of sel_*", {"a"}, [{"a", "sel_x"}]), ("any of sel_*", {"sel_x"}, [set()]),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "yes", "no"), CONDITIONS, ids=[c[0] for c in CONDITIONS])
def test_condition(matches: Ask, condition: str, yes: set[str], no: list[set[str]]) -> None:
    searches = {name: {f"{F}|contains": f"<{name}>"} for name in ("a", "b", "c", "sel_x", "sel_y")}
    rule = searches | {"condition": condition}

    def text(names: set[str]) -> dict[str, Any]:
        return {F: "".join(f"<{name}>" for name in sorted(names))}

    assert matches(rule, text(yes))
    assert not any(matches(rule, text(names)) for names in no)


def test_a_rule_meets_only_the_events_of_its_log_source(matches: Ask) -> None:
    rule = {"s": {"Image|endswith": "\\cmd.exe"}, "condition": "s"}
    source = {"product": "windows", "category": "process_creation"}
    sysmon = {"winlog.channel": "Microsoft-Windows-Sysmon/Operational", "process.executable": "C:\\cmd.exe"}
    assert matches(rule, sysmon | {"event.code": "1"}, source)
    assert not matches(rule, sysmon | {"event.code": "5"}, source)
    assert matches(
        rule, {"winlog.channel": "Security", "event.code": "4688", "process.executable": "C:\\cmd.exe"}, source
    )
    assert not matches(rule, {"process.executable": "C:\\cmd.exe"}, source)
