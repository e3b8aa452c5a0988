"""What Sigma's language means (specification 2.1.0), asked of the matcher: a case for each row of docs/reference/sigma.md.

A row of the table without a case, a case without a row, or a row that says "refused" of what is matched, fails.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.detections.conftest import BASE, HEAD

F = "process.command_line"
T = "@timestamp"
Ask = Callable[..., bool]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sigma.md"


def rows(section: str) -> dict[str, str]:
    """Return a table of the page: element → supported or refused."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines() if line[:2] == "| "
    ]
    return {row[0].replace("`", "").replace("\\|", "|"): row[2] for row in cells if row[2] in ("supported", "refused")}


def wide(text: str, encoding: str = "utf-16-le") -> str:
    return b64encode(text.encode(encoding)).decode()


#: Row of the table → (detection without condition, events that match, events that do not); a text is the value of F.
CASES: dict[str, list[tuple[Any, list[Any], list[Any]]]] = {
    "value": [
        ({"s": {F: "Whoami"}}, ["whoami", "WHOAMI"], ["whoami /all", "", {}]),
        ({"s": {F: "ÉCOLE Straße ＡＢ"}}, ["école strasse ａｂ", "ÉCOLE STRASSE ＡＢ"], ["ecole"]),
        ({"s": {F: "\u212aİ"}}, ["ki\u0307", "KI\u0307"], ["ki"]),
    ],
    "number": [
        ({"s": {"event.code": 4624}}, [{"event.code": "4624"}, {"event.code": 4624}, {"event.code": 4624.0}], [{"event.code": "46240"}, {}]),
        ({"s": {"process.pid": "4"}}, [{"process.pid": 4}], [{"process.pid": 44}]),
        ({"s": {"event.risk_score": 1.5}}, [{"event.risk_score": 1.5}, {"event.risk_score": "1.5"}], [{"event.risk_score": 15}]),
    ],
    "true and false": [
        ({"s": {"dll.code_signature.exists": False}}, [{"dll.code_signature.exists": False}, {"dll.code_signature.exists": "False"}], [{"dll.code_signature.exists": True}, {}]),
        ({"s": {"dll.code_signature.exists": "true"}}, [{"dll.code_signature.exists": True}], [{"dll.code_signature.exists": 1}]),
    ],
    "list of values": [({"s": {F: ["a", "b"]}}, ["a", "B"], ["c", "ab"])],
    "map": [({"s": {F: "a", "user.name": "u"}}, [{F: "a", "user.name": "U"}], ["a", {"user.name": "u"}])],
    "list of maps": [({"s": [{F: "a"}, {"user.name": "u", "event.code": 1}]}, ["a", {"user.name": "u", "event.code": "1"}], ["b", {"user.name": "u"}])],
    "list of maps and keywords": [({"s": [{F: "a"}, "needle"]}, ["a", {"message": "a needle"}], [{"message": "a"}])],
    "*": [({"s": {F: "*net* user*"}}, ["c:\\net.exe user x", "net  user"], ["user net"]), ({"s": {F: "*"}}, ["x", ""], [{}])],
    "?": [({"s": {F: "net?.exe"}}, ["net1.exe", "NETx.EXE", "net\n.exe"], ["net.exe", "net12.exe"])],
    "\\* and \\?": [({"s": {F: "a\\*b"}}, ["a*b"], ["axb", "a\\xb"]), ({"s": {F: "a\\?b"}}, ["a?b"], ["axb"])],
    "\\": [
        ({"s": {F: "C:\\Windows\\x.exe"}}, ["c:\\windows\\x.exe"], ["C:Windowsx.exe"]),
        ({"s": {F: "a\\\\b"}}, ["a\\b"], ["a\\\\b"]),
        ({"s": {F: "C:\\\\*"}}, ["C:\\anything"], ["C:*", "D:\\x"]),
        ({"s": {F: "C:\\\\\\*"}}, ["C:\\*"], ["C:\\x"]),
        ({"s": {F: "\\\\\\\\srv"}}, ["\\\\srv"], ["\\srv"]),
        ({"s": {f"{F}|endswith": "x\\"}}, ["C:\\x\\"], ["C:\\x"]),
    ],
    "Unicode case": [
        ({"s": {F: "*straße*?"}}, ["GROSSE STRASSE 1", "straße 1"], ["strase 1"]),
        ({"s": {f"{F}|startswith": "ＰＯＷＥＲ"}}, ["ｐｏｗｅｒ shell"], ["power shell"]),
        ({"s": {f"{F}|contains": "ΣΊΣΥΦΟΣ"}}, ["xσίσυφοςx"], ["x"]),
    ],
    "null": [({"s": {F: None}}, [{}, {F: []}], ["x", ""]), ({"s": {F: [None, "a"]}}, [{}, "a"], ["b"])],
    "''": [({"s": {F: ""}}, [""], ["x", {}])],
    "value of an event that is a list": [
        ({"s": {"registry.data.strings": "b"}}, [{"registry.data.strings": ["a", "B"]}], [{"registry.data.strings": ["ab"]}, {"registry.data.strings": []}]),
        ({"s": {"registry.data.strings|contains|all": ["a", "b"]}}, [{"registry.data.strings": ["xa", "xb"]}], [{"registry.data.strings": ["xa"]}]),
    ],
    "keywords": [
        ({"s": ["mimikatz", "sekurlsa"]}, ["run MIMIKATZ now", {"message": "x sekurlsa::x"}, {"x.y": ["a", "mimikatz"]}], ["katz"]),
        ({"s": "one text"}, [{"message": "is ONE Text"}], ["one"]),
        ({"s": [4104, "STRASSE"]}, [{"message": "id 4104"}, {"message": "Straße"}], [{"message": "id 410"}]),
    ],
    "keywords with wildcards": [({"s": ["mimi*katz", "lsa?dump"]}, [{"message": "a MIMI and KATZ b"}, {"message": "lsa-dump"}], [{"message": "katz mimi"}, {"message": "lsadump"}])],
    "'|all'": [({"s": {"|all": ["one", "two"]}}, [{"message": "two", F: "one"}], ["one"])],
    "'|re' and '|cased'": [
        ({"s": {"|re": "Kat[A-Z]"}}, [{"message": "x KatZ"}], [{"message": "x katz"}]),
        ({"s": {"|cased": "KatZ"}}, [{"message": "x KatZ"}], [{"message": "x katz"}]),
    ],
    "contains": [
        ({"s": {f"{F}|contains": "BYPASS"}}, ["-ep bypass -c"], ["-ep by pass", {}]),
        ({"s": {f"{F}|contains": "a*c"}}, ["xxabbcxx"], ["xxcbaxx"]),
        ({"s": {f"{F}|contains": 443}}, ["port 443 x"], ["port 44"]),
    ],
    "startswith": [({"s": {f"{F}|startswith": "cmd"}}, ["CMD /c"], ["x cmd"])],
    "endswith": [({"s": {f"{F}|endswith": "\\net.exe"}}, ["c:\\NET.EXE"], ["net.exe", "c:\\net.exe x"])],
    "all": [({"s": {f"{F}|contains|all": ["-enc", "hidden"]}}, ["-w hidden -enc x"], ["-enc x", "hidden"])],
    "cased": [
        ({"s": {f"{F}|contains|cased": "EnC"}}, ["-EnC"], ["-enc", "-ENC"]),
        ({"s": {f"{F}|cased": "A?c*"}}, ["ABcd"], ["aBcd"]),
        ({"s": {f"{F}|endswith|cased": "X"}}, ["aX"], ["ax"]),
    ],
    "exists": [({"s": {f"{F}|exists": True}}, ["x", ""], [{}]), ({"s": {f"{F}|exists": False}}, [{}], ["x", ""])],
    "neq": [
        ({"s": {f"{F}|neq": "a"}}, ["b", {}], ["A"]),
        ({"s": {"event.code|neq": [1, 2]}}, [{"event.code": "3"}], [{"event.code": "2"}]),
        ({"s": {f"{F}|contains|neq": "x"}}, ["abc"], ["axc"]),
    ],
    "windash": [
        ({"s": {f"{F}|windash|contains": " -enc"}}, ["x /enc", "x -enc", "x –enc", "x —enc", "x ―enc"], ["x enc"]),
        ({"s": {f"{F}|contains|windash": "/a –b"}}, ["-a /b", "—a ―b"], ["a b"]),
        ({"s": {f"{F}|windash|contains|all": ["-a", "-b"]}}, ["/a /b"], ["/a"]),
    ],
    "re": [
        ({"s": {f"{F}|re": "^foo[0-9]+$"}}, ["foo12"], ["FOO12", "xfoo1"]),
        ({"s": {f"{F}|re": "a\\\\Zoo\\Z"}}, ["a\\Zoo"], ["a\\zoo", "a\\Zoo!"]),
        ({"s": {f"{F}|re": "\\p{Hiragana}{2}"}}, ["xあいx"], ["あx"]),
        ({"s": {f"{F}|re": ["a|b", "c{2}"]}}, ["b", "cc"], ["c"]),
        ({"s": {f"{F}|re|startswith": "a|b"}}, ["bc"], ["cb"]),
    ],
    "re|i": [({"s": {f"{F}|re|i": "foo[0-9]{2}"}}, ["xFOO12x"], ["foo1"])],
    "re|m": [({"s": {f"{F}|re|m": "^b$"}}, ["a\nb\nc"], ["ab"])],
    "re|s": [({"s": {f"{F}|re|s": "a.c"}}, ["a\nc"], ["ac"]), ({"s": {f"{F}|re": "a.c"}}, ["abc"], ["a\nc"])],
    "base64": [
        ({"s": {f"{F}|base64|contains": "http"}}, ["x " + b64encode(b"http").decode()], ["http"]),
        ({"s": {f"{F}|base64": "a\\*b"}}, [b64encode(b"a*b").decode()], [b64encode(b"a\\*b").decode()]),
        ({"s": {f"{F}|base64|contains": "監査"}}, ["x " + b64encode("監査".encode()).decode()], ["監査"]),
    ],
    "base64offset": [
        ({"s": {f"{F}|base64offset|contains": "http://"}}, [b64encode(b"x" * n + b"http://y").decode() for n in range(3)], ["http://"]),
        ({"s": {f"{F}|base64offset|contains": "監査の記録"}}, [b64encode(b"x" * n + "監査の記録".encode() + b"yz" * m).decode() for n in range(3) for m in range(3)], ["監査の記録"]),
    ],
    "wide, utf16le": [
        ({"s": {f"{F}|{name}|base64offset|contains": "IEX"}}, [wide("xIEX y"), b64encode(b"-" + "IEX y".encode("utf-16-le")).decode()], [b64encode(b"IEX").decode()])
        for name in ("wide", "utf16le")
    ] + [({"s": {f"{F}|wide|base64offset|contains": "暗号化"}}, [wide("xx暗号化y")], ["暗号化"]), ({"s": {f"{F}|wide|contains": "ab"}}, ["xa\0b\0"], ["ab"])],
    "utf16be": [({"s": {f"{F}|utf16be|base64offset|contains": "IEX"}}, [wide("xIEX y", "utf-16-be")], [wide("xiex y")[:-4], b64encode(b"xIEX y").decode()])],
    "utf16": [({"s": {f"{F}|utf16|base64": "cmd"}}, [b64encode(b"\xff\xfec\0m\0d\0").decode()], [wide("cmd")])],
    "lt": [({"s": {"process.pid|lt": 10}}, [{"process.pid": 9}, {"process.pid": "-1"}], [{"process.pid": 10}, {}])],
    "lte": [({"s": {"process.pid|lte": 10}}, [{"process.pid": 10}], [{"process.pid": 11}])],
    "gt": [
        ({"s": {"event.code|gt": 9}}, [{"event.code": "10"}], [{"event.code": "9"}, {"event.code": "x"}, {"event.code": "1_0"}, {"event.code": "１０"}]),
        ({"s": {"network.bytes|gt": 9007199254740992}}, [{"network.bytes": 9007199254740993}], [{"network.bytes": 9007199254740992}]),
    ],
    "gte": [({"s": {"event.code|gte": 9}}, [{"event.code": "9"}, {"event.code": "9.5"}], [{"event.code": "8"}]), ({"s": {"event.risk_score|gte": "1.5"}}, [{"event.risk_score": 2}], [{"event.risk_score": 1}])],
    "minute": [({"s": {f"{T}|minute": 30}}, [{T: "2026-11-24T00:30:00.000000Z"}], [{T: "2026-11-24T00:31:00.000000Z"}])],
    "hour": [
        ({"s": {f"{T}|hour": 0}}, [{T: "2026-11-24T00:30:00.000000Z"}], [{T: "2026-11-24T09:30:00.000000Z"}]),
        ({"s": {f"{T}|hour|gte": 22}}, [{T: "2026-11-24T23:30:00.000000Z"}], [{T: "2026-11-24T21:59:00.000000Z"}]),
        ({"s": {"file.created|hour": 3}}, [{"file.created": "2026-11-24 03:00:00"}, {"file.created": "2026-11-24T03:00:00+09:00"}], [{"file.created": "no time"}, {}]),
    ],
    "day": [({"s": {f"{T}|day": [1, 24]}}, [{T: "2026-11-24T00:00:00.000000Z"}], [{T: "2026-11-23T00:00:00.000000Z"}])],
    "week": [({"s": {f"{T}|week": 48}}, [{T: "2026-11-24T00:00:00.000000Z"}], [{T: "2026-11-30T00:00:00.000000Z"}])],
    "month": [({"s": {f"{T}|month": 11}}, [{T: "2026-11-24T00:00:00.000000Z"}], [{T: "2026-12-01T00:00:00.000000Z"}])],
    "year": [({"s": {f"{T}|year|lt": 2026}}, [{T: "2025-12-31T00:00:00.000000Z"}], [{T: "2026-01-01T00:00:00.000000Z"}])],
    "cidr": [
        ({"s": {"source.ip|cidr": ["10.1.0.0/16", "192.0.2.7"]}}, [{"source.ip": "10.1.255.3"}, {"source.ip": "192.0.2.7"}, {"source.ip": "::ffff:10.1.0.1"}], [{"source.ip": "10.2.0.1"}, {"source.ip": "x"}, {}]),
        ({"s": {"source.ip|cidr": "fe80::/10"}}, [{"source.ip": "FE80::1"}, {"source.ip": "fe80::1%eth0"}], [{"source.ip": "::1"}]),
        ({"s": {"source.ip|cidr": "10.1.2.3/16"}}, [{"source.ip": "10.1.9.9"}], [{"source.ip": "10.2.2.3"}]),
    ],
    "expand": [
        ({"s": {"user.name|expand": "%admins%"}}, [{"user.name": "ROOT"}, {"user.name": "adm_x"}, {"user.name": "sato", "hinomi.tenant": "k/c/s"}], [{"user.name": "sato"}, {"user.name": "sato", "hinomi.tenant": "k/city"}]),
        ({"s": {f"{F}|contains|expand": "net %admins% /"}}, ["x NET root /y"], ["net sato /"]),
        ({"s": {f"{F}|re|expand": "^x(%admins%)$"}}, ["xroot", "xadm_1"], ["xROOT"]),
        ({"s": {f"{F}|expand": "\\%plain%admins%"}}, ["%plainroot"], ["root"]),
        ({"s": {F: "%admins%"}}, ["%admins%"], ["root"]),
        ({"s": {"host.name|expand": "%only_there%"}}, [{"host.name": "a", "hinomi.tenant": "k/c"}], [{"host.name": "a"}, {"host.name": "a", "hinomi.tenant": "k/cc"}]),
        ({"s": {"host.name|expand|neq": "%only_there%"}}, [{"host.name": "b", "hinomi.tenant": "k/c/s"}], [{"host.name": "b"}]),
    ],
    "fieldref": [
        ({"s": {f"{F}|fieldref": "user.name"}}, [{F: "Sato", "user.name": "sato"}], [{F: "x", "user.name": "sato"}, "x"]),
        ({"s": {f"{F}|fieldref|neq": "user.name"}}, [{F: "x", "user.name": "sato"}], [{F: "Sato", "user.name": "sato"}]),
    ],
    "fieldref|startswith, endswith, contains": [
        ({"s": {f"{F}|fieldref|startswith": "user.name"}}, [{F: "Sato x", "user.name": "sato"}], [{F: "x sato", "user.name": "sato"}]),
        ({"s": {f"{F}|fieldref|endswith": "user.name"}}, [{F: "x Sato", "user.name": "sato"}], [{F: "sato x", "user.name": "sato"}]),
        ({"s": {f"{F}|fieldref|contains": "user.name"}}, [{F: "x Sato x", "user.name": "sato"}], [{F: "x", "user.name": "sato"}]),
    ],
    "fieldref|cased": [
        ({"s": {f"{F}|fieldref|cased": "user.name"}}, [{F: "Sato", "user.name": "Sato"}], [{F: "Sato", "user.name": "sato"}]),
        ({"s": {f"{F}|fieldref|contains|cased": "user.name"}}, [{F: "xSato", "user.name": "Sato"}], [{F: "xsato", "user.name": "Sato"}]),
    ],
}  # fmt: skip
LISTS = {"admins": {"": ("root", "adm_*"), "k/c": ("sato",)}, "only_there": {"k/c": ("a",)}}

#: Row of the table → (detection section, what the fault says).
REFUSED: dict[str, list[tuple[Any, str]]] = {
    "look-around, atomic groups, back-references in re": [({"s": {F + "|re": pattern}, "condition": "s"}, f"s: {F}|re: regular expression refused") for pattern in ("(?<=a)b", "a(?!b)", "(?>a)b", "(a)\\1")],
    "wildcards in base64, base64offset, utf16…, fieldref": [({"s": {f"{F}|{name}": "a*b"}, "condition": "s"}, "without wildcards") for name in ("base64", "base64offset", "wide", "fieldref")],
    "utf16… of other than ASCII letters, without base64": [({"s": {f"{F}|wide|contains": "監査"}, "condition": "s"}, "base64 or base64offset must follow")],
    "more than 5 dashes in one value of windash": [({"s": {f"{F}|windash": "-a -b -c -d -e -f"}, "condition": "s"}, "write several values")],
    "unknown modifiers": [({"s": {f"{F}|frobnicate": "x"}, "condition": "s"}, "known: all, base64")],
    "a modifier and a value that do not go together": [
        ({"s": {f"{F}|gt": "much"}, "condition": "s"}, "takes a number"), ({"s": {f"{F}|contains": None}, "condition": "s"}, "takes a text"),
        ({"s": {f"{F}|i": "x"}, "condition": "s"}, "field|re|i"), ({"s": {f"{F}|contains|re": "x"}, "condition": "s"}, "write it first"),
        ({"s": {f"{F}|exists": "x"}, "condition": "s"}, "true or false"), ({"s": {f"{F}|hour": 24}, "condition": "s"}, "between 0 and 23"),
        ({"s": {f"{F}|cidr": "10.0.0.0/99"}, "condition": "s"}, "10.0.0.0/99"), ({"s": {f"{F}|fieldref|gt": "x"}, "condition": "s"}, "takes a number"),
    ],
    "a keyword that needs a field": [({"s": {f"|{name}": value}, "condition": "s"}, "needs a field") for name, value in (("cidr", "10.0.0.0/8"), ("gt", 1), ("exists", True), ("fieldref", "x"))],
    "| in a condition": [({"s": {F: "x"}, "condition": "s | count() > 5"}, "write a correlation")],
    "a search or a pattern that is not there": [
        ({"s": {F: "x"}, "condition": "s and t"}, "'t'"), ({"s": {F: "x"}, "condition": "1 of sel_*"}, "'sel_*'"),
        ({"s": {F: "x"}, "condition": "2 of them"}, "1 of"), ({"s": {F: "x"}, "condition": "s and"}, "it ends"), ({"s": {F: "x"}, "condition": "(s"}, "not closed"), ({"s": {F: "x"}}, "no condition"),
    ],
    "empty searches and lists, maps as values": [({"s": {}, "condition": "s"}, "empty"), ({"s": {F: []}, "condition": "s"}, "empty list"), ({"s": {F: {"a": "b"}}, "condition": "s"}, f"s: {F}: dict is no value")],
}  # fmt: skip


def _event(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {F: value}


def test_the_page_and_the_cases_name_the_same_elements() -> None:
    said = rows("Values and modifiers")
    assert {name for name, state in said.items() if state == "supported"} == set(CASES)
    assert {name for name, state in said.items() if state == "refused"} == set(REFUSED)
    assert set(rows("Conditions")) == {row[0] for row in CONDITIONS}


@pytest.mark.parametrize("row", CASES)
def test_value(site: Any, matches: Ask, row: str) -> None:
    site.settings = site.settings.model_copy(update={"rules": site.settings.rules.model_copy(update={"lists": LISTS})})
    for detection, yes, no in CASES[row]:
        rule = detection | {"condition": "s"}
        assert [value for value in yes if not matches(rule, _event(value))] == [], detection
        assert [value for value in no if matches(rule, _event(value))] == [], detection


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_refused_says_rule_file_field_and_remedy(site: Any, row: str) -> None:
    for detection, said in REFUSED[row]:
        site.write(
            "refused", {**HEAD, "id": "refused-rule", "logsource": {"product": "hinomi"}, "detection": detection}
        )
        (fault,) = site.load().current().faults
        assert fault.rule == "refused-rule"
        assert "refused.yml:" in fault.where
        assert said in fault.reason, fault.reason


def test_a_rule_whose_list_is_empty_is_loaded_silent_and_named(site: Any) -> None:
    detection = {"s": {F: "x"}, "f": {"user.name|expand": "%nobody%"}, "condition": "s and not f"}
    site.write("r", {**HEAD, "id": "r", "logsource": {"product": "hinomi"}, "detection": detection})
    ruleset = site.load().current()
    assert not ruleset.faults
    assert ruleset.compiled["r"].unfilled == ["nobody"]
    assert not ruleset.match([BASE | {F: "x"}]).hits


def test_a_rule_in_the_words_of_ecs_needs_no_field_map_and_another_taxonomy_is_refused(site: Any) -> None:
    source = {"product": "windows", "category": "process_creation"}
    rule = {**HEAD, "id": "r", "logsource": source, "detection": {"s": {F: "x"}, "condition": "s"}}
    event = BASE | {"winlog.channel": "Security", "event.code": "4688", F: "x"}
    site.write("r", rule | {"taxonomy": "ecs"})
    assert site.load().current().match([event]).hits
    site.write("r", rule | {"taxonomy": "splunk-cim"})
    (fault,) = site.load().current().faults
    assert "sigma, ecs" in fault.reason


def test_a_time_of_day_is_of_the_zone_that_the_rule_names(site: Any) -> None:
    rule = {
        **HEAD,
        "id": "r",
        "logsource": {"product": "hinomi"},
        "detection": {"s": {f"{T}|hour": 9}, "condition": "s"},
    }
    site.write("r", rule | {"hinomi": {"zone": "Asia/Tokyo"}})
    match = site.load().current().match
    assert match([BASE | {T: "2026-11-24T00:30:00.000000Z"}]).hits
    assert not match([BASE | {T: "2026-11-24T09:30:00.000000Z"}]).hits
    site.write("r", rule | {"hinomi": {"zone": "Mars"}})
    assert "Asia/Tokyo" in site.load().current().faults[0].reason


#: (row of the table, condition, names that fulfil it, names that do not).
CONDITIONS: list[tuple[str, Any, set[str], list[set[str]]]] = [
    ("a and b", "a and b", {"a", "b"}, [{"a"}, {"b"}, set()]), ("a or b", "a or b", {"b"}, [set(), {"c"}]),
    ("not a", "not a", set(), [{"a"}]), ("not a", "a and not b", {"a"}, [{"a", "b"}, {"b"}]), ("not a", "not (a or b)", {"c"}, [{"a"}, {"b", "c"}]),
    ("not a", "not not a", {"a"}, [set()]),
    ("( )", "(a or b) and c", {"b", "c"}, [{"a", "b"}, {"c"}]), ("( )", "((a)and(b or (c)))", {"a", "c"}, [{"a"}]),
    ("precedence", "a or b and c", {"a"}, [{"b"}]), ("precedence", "not a and b", {"b"}, [{"a"}, set()]), ("precedence", "a and b or c", {"c"}, [{"a"}]),
    ("1 of pattern*", "1 of sel_*", {"sel_y"}, [{"a"}]), ("1 of pattern*", "a and not 1 of sel_*", {"a"}, [{"a", "sel_x"}]),
    ("1 of pattern*", "1 of *el*x", {"sel_x"}, [{"sel_y"}]), ("1 of pattern*", "a and not 1 of none_*", {"a"}, [set()]),
    ("all of pattern*", "all of sel_*", {"sel_x", "sel_y"}, [{"sel_x"}]), ("any of pattern*", "any of sel_*", {"sel_x"}, [set()]),
    ("1 of them", "1 of them", {"c"}, [set(), {"_hidden"}]), ("1 of them", "1 of _*", {"_hidden"}, [{"a"}]),
    ("all of them", "all of them", {"a", "b", "c", "sel_x", "sel_y", "notepad", "名-1"}, [{"a", "b", "c"}]),
    ("any identifier", "notepad", {"notepad"}, [set()]), ("any identifier", "a and notepad or 名-1", {"名-1"}, [{"a"}]),
    ("list of conditions", ["a and b", "c"], {"c"}, [{"a"}]), ("AND, OR, NOT", "a AND NOT b OR c", {"c"}, [{"a", "b"}]),
]  # fmt: skip


@pytest.mark.parametrize("case", CONDITIONS, ids=[str(c[1]) for c in CONDITIONS])
def test_condition(matches: Ask, case: tuple[str, Any, set[str], list[set[str]]]) -> None:
    _, condition, yes, no = case
    searches = {
        name: {f"{F}|contains": f"<{name}>"} for name in ("a", "b", "c", "sel_x", "sel_y", "notepad", "_hidden", "名-1")
    }
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
