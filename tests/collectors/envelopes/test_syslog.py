"""Headers as RFC 5424 and 3164 write them and as senders do: what they say, and what is left for the format."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hinomi.collectors.envelopes.syslog import open_syslog
from hinomi.collectors.reading import explain
from hinomi.event import RawRecord

NOW = int(datetime(2026, 11, 25, 1, 0, tzinfo=UTC).timestamp() * 1e6)


def opened(
    raw: bytes, *, received: int = NOW, zone: str = "Asia/Tokyo", place: str = "f:0"
) -> tuple[list[bytes], dict[str, Any]]:
    payloads, facts = open_syslog(RawRecord(raw, "s", place, received, zone=zone))
    short = {name.removeprefix("log.syslog."): value for name, value in facts.items()}
    return list(payloads), short


def test_rfc_5424_says_all_that_it_has() -> None:
    raw = '<165>1 2026-11-25T09:00:00.123456+09:00 proxy01 ifilter 42 ID47 [ex@32473 a="x\\"y\\]z" b="校務"][o@1 c=""] \ufeffmessage 漢字'.encode()
    payloads, facts = opened(raw)
    assert payloads == ["message 漢字".encode()]
    assert facts == {
        "@timestamp": "2026-11-25T00:00:00.123456Z", "priority": 165, "facility.code": 20, "facility.name": "local4", "severity.code": 5,
        "severity.name": "notice", "version": "1", "hostname": "proxy01", "appname": "ifilter", "procid": "42", "msgid": "ID47",
        "structured_data.ex@32473.a": 'x"y]z', "structured_data.ex@32473.b": "校務", "structured_data.o@1.c": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "payload", "says"),
    [
        (b"<13>1 - - - - - - hello", b"hello", {}),
        (b"<13>1 - - - - - -", b"", {}),
        (b"<13>1 2026-11-25T00:00:00Z h a - - [broken hello", b"[broken hello", {"hostname": "h", "appname": "a"}),
        (b"<13>Nov 25 09:00:00 proxy01 squid[99]: 1 2 3", b"1 2 3", {"hostname": "proxy01", "appname": "squid", "procid": "99"}),
        (b"<13>Nov  5 09:00:00 proxy01 (squid-1): 1 2", b"1 2", {"appname": "(squid-1)"}),
        (b"<13>Nov 25 09:00:00 squid[99]: no host", b"no host", {"appname": "squid", "hostname": None}),
        (b"<13>Nov 25 09:00:00 fe80::1 app: v6", b"v6", {"hostname": "fe80::1", "appname": "app"}),
        (b"<13>2026-11-25T09:00:00.5+09:00 proxy01 app: iso", b"iso", {"hostname": "proxy01", "@timestamp": "2026-11-25T00:00:00.500000Z"}),
        (b"<13>Nov 25 2026 09:00:00 fw01 : year", b": year", {"hostname": "fw01", "@timestamp": "2026-11-25T00:00:00.000000Z"}),
        (b"Nov 25 09:00:00 relay app: of a file", b"of a file", {"hostname": "relay", "priority": None}),
        (b'<14>{"a": 1}', b'{"a": 1}', {"severity.name": "informational"}),
        (b'<14>Nov 25 09:00:00 pc01 {"a": "b: c"}', b'{"a": "b: c"}', {"hostname": "pc01", "appname": None}),
        (b"<14>app: no time", b"no time", {"appname": "app"}),
        (b"<999>no such priority", b"no such priority", {"priority": None}),
        (b"5 <14>a count that lied", b"a count that lied", {"priority": 14}),
        (b"not syslog at all", b"not syslog at all", {"priority": None}),
        (b"<13>Nov 25 09:00:00 h a: \x8a\x99\x8f\xd1 \xff\x00", b"\x8a\x99\x8f\xd1 \xff\x00", {"hostname": "h"}),
    ],
)  # fmt: skip
def test_a_header_is_read_as_senders_write_it(raw: bytes, payload: bytes, says: dict[str, Any]) -> None:
    payloads, facts = opened(raw)
    assert payloads[0].strip() == payload or (payload == b"" and payloads == [b""])
    assert {name: facts.get(name) for name in says} == says


@pytest.mark.parametrize(
    ("received", "text", "expected"),
    [
        ("2026-01-01T00:10:00+09:00", "Dec 31 23:59:59", "2025-12-31T14:59:59"),
        ("2025-12-31T23:50:00+09:00", "Jan  1 00:00:10", "2025-12-31T15:00:10"),
        ("2026-11-25T09:00:00+09:00", "Sep 19 19:26:56", "2026-09-19T10:26:56"),
        ("2026-03-01T09:00:00+09:00", "Feb 29 12:00:00", "2024-02-29T03:00:00"),
        ("2028-03-01T09:00:00+09:00", "Feb 29 12:00:00", "2028-02-29T03:00:00"),
    ],
)
def test_the_year_is_the_nearest_and_the_zone_the_sources(received: str, text: str, expected: str) -> None:
    at = int(datetime.fromisoformat(received).timestamp() * 1e6)
    moment = opened(f"<13>{text} h a: x".encode(), received=at)[1].get("@timestamp")
    if expected.startswith("2024"):  # no year near has such a day
        assert moment is None
    else:
        assert moment == f"{expected}.000000Z"


def test_a_source_in_another_zone_is_read_in_it() -> None:
    assert opened(b"<13>Nov 25 09:00:00 h a: x", zone="UTC")[1]["@timestamp"] == "2026-11-25T09:00:00.000000Z"


def test_a_record_keeps_the_whole_message_and_what_the_header_said_whoever_reads_it() -> None:
    raw = (
        b'<13>Nov 25 09:00:00 pc01 nxlog: {"@timestamp":"2026-11-25T00:00:01Z","event":{"action":"x","dataset":"a.b"}}'
    )
    record = RawRecord(raw, "s", "192.0.2.7 abcd:12", NOW)
    (event,) = explain(record, "ecs.document", "syslog")
    assert (event["event.action"], event["@timestamp"]) == ("x", "2026-11-25T00:00:01.000000Z")
    assert event["event.original"] == raw.decode()
    assert (event["log.source.address"], event["log.syslog.hostname"]) == ("192.0.2.7", "pc01")


def test_what_no_format_takes_is_kept_with_its_header_and_says_so() -> None:
    record = RawRecord(
        "<11>Nov 25 09:00:00 sw01 link: ポート3が落ちました".encode("cp932"), "s", "192.0.2.7 abcd:12", NOW
    )
    (event,) = explain(record, None, "syslog")
    assert (event["event.dataset"], event["message"], event["@timestamp"]) == (
        "hinomi.unparsed", "ポート3が落ちました", "2026-11-25T00:00:00.000000Z",
    )  # fmt: skip
    assert event["hinomi.original.encoding"] == "cp932"


def test_a_message_cannot_choose_its_tenant() -> None:
    raw = b'<13>1 - h a - - [hinomi tenant="kita/other"] {"@timestamp":"2026-11-25T00:00:01Z","event":{},"hinomi":{"tenant":"x"}}'
    (event,) = explain(RawRecord(raw, "s", "192.0.2.7 abcd:12", NOW), None, "syslog")
    assert "hinomi.tenant" not in event
    assert "error.message" not in event
