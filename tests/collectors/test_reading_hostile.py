"""A bad value must not be a hiding place: what has structure is matched, everything is kept, nothing raises."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinomi.collectors.formats import formats
from hinomi.collectors.reading import Reader
from hinomi.directory import Device, Directory, Person
from hinomi.event import Block, RawRecord
from hinomi.settings import Settings, SourceSettings

SETTINGS = Settings(sources={"w": SourceSettings(kind="http", tenant="kita/aoba")})
DIRECTORY = Directory(
    1, [], [Person("p1", "kita/aoba/higashi-es", "n", "teacher", accounts=("sato",))],
    [Device("PC-1", "kita/aoba/higashi-es", "PC1", owner="p1"), Device("PC-9", "minami/x/s", "PC9")],
)  # fmt: skip


def read(raw: bytes, **more: Any) -> dict[str, Any]:
    events = Reader(SETTINGS).read_block(Block("w", 1, ["f:0"], [raw], **more), DIRECTORY)
    assert len(events) == 1
    return events[0]


def sysmon(command: str) -> str:
    return (
        '{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"PC1","CommandLine":' + command + "}"
    )


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ('"a\\u0000b"', "a\ufffdb"),
        ('"a\\ud800b"', "a\ufffd"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1" * 5000, "1" * 5000),
        ('"one","CommandLine":"two"', "one"),
    ],
    ids=["nul", "lone surrogate", "NaN", "infinity", "5000 digits", "duplicate key"],
)
def test_a_wrong_value_is_replaced_marked_and_still_there_to_match(command: str, seen: str) -> None:
    event = read(sysmon(command).encode())
    value = event["process.command_line"]
    assert seen in (value if isinstance(value, list) else [value]) or seen in str(value)
    assert event["event.dataset"] == "windows.sysmon_operational"
    assert event["hinomi.host.id"] == "PC-1"


def test_bytes_that_are_no_text_are_kept_and_given_back() -> None:
    raw = sysmon('"x"').encode()[:-2] + b"\xff\xfe\x81" + b'"}'
    event = read(raw)
    assert event["event.dataset"] == "windows.sysmon_operational"
    assert base64.b64decode(event["hinomi.original.base64"]) == raw


@pytest.mark.parametrize(
    "raw",
    [b"{" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"[" * 100_000, b"\x00" * 1000, b"{", b"", b"\xff" * 500, b'{"EventID":"x","Channel":"y"}'],
    ids=["deep open", "deep", "deep list", "nul", "torn", "empty", "binary", "no id"],
)  # fmt: skip
def test_what_no_format_takes_is_kept_whole_and_marked(raw: bytes) -> None:
    event = read(raw)
    assert event["event.dataset"] == "hinomi.unparsed"
    assert event["event.kind"] == "pipeline_error"
    assert event["hinomi.tenant"] == "kita/aoba"


def test_a_ten_megabyte_line_is_cut_where_all_executors_see_the_same() -> None:
    raw = sysmon(json.dumps("a" * 10_000_000 + "end")).encode()
    event = read(raw)
    value = event["process.command_line"]
    assert len(value) == 49_152 + 1 + 16_383
    assert value.endswith("end")
    assert {"process.command_line", "event.original"} <= set(event["hinomi.truncated"])
    assert base64.b64decode(event["hinomi.original.base64"]) == raw


DEEP = [b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000]


@pytest.mark.parametrize("deep", DEEP, ids=["lists", "objects"])
def test_what_lies_too_deep_hides_nothing_beside_it(deep: bytes) -> None:
    raw = sysmon('"evil.exe"').encode()[:-1] + b',"d":' + deep + b',"User":"AOBA\\\\sato"}'
    event = read(raw)
    assert event["process.command_line"] == "evil.exe"
    assert event["user.name"] == "sato"
    assert "*" in event["hinomi.original.repaired"]
    assert base64.b64decode(event["hinomi.original.base64"]) == raw


def test_a_bad_value_among_many_objects_hides_nothing() -> None:
    many = ",".join('{"n":1}' for _ in range(1000))
    event = read((sysmon("NaN")[:-1] + f',"list":[{many}]}}').encode())
    assert event["process.command_line"] == "NaN"


def test_a_key_that_stands_very_often_is_all_there() -> None:
    often = ",".join(f'"CommandLine":"c{n}"' for n in range(50_000))
    event = read((sysmon('"first"')[:-1] + "," + often + "}").encode())
    assert {"first", "c0", "c49999"} <= set(event["process.command_line"])


def test_hostile_lines_cost_little_each() -> None:
    for raw in (
        b'{"a":' * 100_000,
        sysmon('"x"').encode()[:-1] + b',"CommandLine":"x"' * 500_000 + b"}",
        json.dumps({f"f{n}": n for n in range(10_000)} | {"EventID": 1, "Channel": "x"}).encode(),
    ):
        started = time.process_time()
        read(raw)
        assert time.process_time() - started < 5  # a bound on growth, not a speed: quadratic work takes minutes


def test_a_record_cannot_choose_its_tenant_nor_another_tenants_device() -> None:
    event = read(
        b'{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"PC9","hinomi.tenant":"minami","hinomi.host.known":true,"organization.id":"minami"}'
    )
    assert event["hinomi.tenant"] == "kita/aoba"
    assert event["hinomi.host.known"] is False
    assert event["hinomi.host.id"] == "pc9"


def test_the_same_record_in_the_same_place_has_the_same_id_and_another_place_another() -> None:
    raw = sysmon('"x"').encode()
    first, again = read(raw), read(raw)
    other = Reader(SETTINGS).read_block(Block("w", 9, ["f:1"], [raw]), DIRECTORY)[0]
    assert first["event.id"] == again["event.id"] != other["event.id"]


def test_a_format_that_raises_marks_the_record_and_the_stream_goes_on() -> None:
    @formats.register("test.raises")
    def parse(record: RawRecord) -> list[dict[str, Any]]:
        raise RuntimeError("a fault")

    try:
        settings_ = Settings(sources={"w": SourceSettings(kind="http", formats=("test.raises", "windows.eventlog"))})
        events = Reader(settings_).read_block(
            Block("w", 1, ["0", "1"], [b"nothing", sysmon('"x"').encode()]), Directory()
        )
        assert [e["event.dataset"] for e in events] == ["hinomi.unparsed", "windows.sysmon_operational"]
        assert "test.raises: RuntimeError" in events[0]["error.message"]
    finally:
        del formats._items["test.raises"]


def test_a_format_cannot_write_our_own_fields() -> None:
    @formats.register("test.forges")
    def parse(record: RawRecord) -> list[dict[str, Any]]:
        return [
            {"event.module": "t", "event.dataset": "t.t", "hinomi.host.known": True, "hinomi.egress.channel": "usb"}
        ]

    try:
        settings_ = Settings(sources={"w": SourceSettings(kind="http", formats=("test.forges",))})
        event = Reader(settings_).read_block(Block("w", 1, ["0"], [b"x"]), Directory())[0]
        assert "hinomi.host.known" not in event
        assert event["hinomi.egress.channel"] == "usb"
        assert event["event.kind"] == "pipeline_error"
    finally:
        del formats._items["test.forges"]


@pytest.mark.parametrize("name", [name for name, _ in formats])
@settings(max_examples=60, deadline=None)
@given(raw=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda t: t.encode("utf-8", "surrogatepass"))))
def test_no_input_makes_a_format_raise(name: str, raw: bytes) -> None:
    for event in formats.get(name)(RawRecord(raw, "s", "p", 0)):
        assert {"event.module", "event.dataset"} <= set(event)


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=8), c, max_size=3), max_leaves=8)  # fmt: skip
NAMES = ["EventID", "Channel", "Image", "CommandLine", "Hashes", "User", "ProcessId", "TargetObject", "id", "machineId", "severity", "evidence", "relatedUser", "Event", "winlog", "System", "event_data", "SourceIp"]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(value=st.dictionaries(st.sampled_from(NAMES), json_values, min_size=1))
def test_no_json_makes_reading_raise(value: dict[str, Any]) -> None:
    event = read(json.dumps({"EventID": 1, "Channel": "Security", **value}).encode())
    assert event["hinomi.tenant"].startswith("kita/aoba")
    assert json.loads(json.dumps(event)) == event
