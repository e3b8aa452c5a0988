"""Logs of proxies and web filters: however they come, with whatever in them, and the Sigma rules that ask for them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hinomi.collectors.reading import Reader, explain
from hinomi.directory import Device, Directory
from hinomi.event import Block, RawRecord
from hinomi.settings import Settings

GOLDEN = Path(__file__).parents[2] / "golden" / "formats"
NOW = int(datetime(2026, 11, 25, 1, 0, tzinfo=UTC).timestamp() * 1e6)
PLACES = ("f:0", "192.0.2.9 abcd1234:7")
WRAPPED: list[Callable[[bytes], bytes]] = [
    lambda line: line,
    lambda line: b"<134>" + line,
    lambda line: b"<134>Nov 25 10:00:00 proxy01 " + line,
    lambda line: b"<134>Nov 25 10:00:00 proxy01 ifilter[4]: " + line,
    lambda line: b"<134>2026-11-25T10:00:00+09:00 proxy01 ifilter: " + line,
    lambda line: b'<134>1 2026-11-25T10:00:00+09:00 proxy01 ifilter 4 - [a@1 b="c"] \xef\xbb\xbf' + line,
]
OF_SYSLOG = ("event.original", "event.id", "hinomi.original.encoding", "observer.hostname")


def parsed(raw: bytes, name: str | None, envelope: str = "", **more: Any) -> dict[str, Any]:
    (event,) = explain(RawRecord(raw, "s", PLACES[bool(envelope)], NOW, **more), name, envelope)
    return {key: value for key, value in event.items() if key not in OF_SYSLOG and not key.startswith("log.")}


@pytest.mark.parametrize("wrap", range(len(WRAPPED)))
@pytest.mark.parametrize("case", ["ifilter.access/access", "ifilter.access/block", "intersafe.access/access", "squid.access/native", "squid.access/combined"])  # fmt: skip
@pytest.mark.parametrize("named", [True, False])
def test_a_line_means_the_same_in_a_file_and_in_syslog(case: str, wrap: int, named: bool) -> None:
    name = case.partition("/")[0]
    for line in (GOLDEN / f"{case}.log").read_bytes().splitlines():
        plain = parsed(line, name)
        assert plain["event.dataset"] == name
        assert parsed(WRAPPED[wrap](line), name if named else None, "syslog") == plain


def test_columns_that_were_chosen_are_read_by_the_header_of_the_source() -> None:
    settings = Settings.model_validate({"sources": {"swg": {
        "kind": "syslog", "listen": "127.0.0.1:1", "formats": ["ifilter.access"], "tenant": "kita/aoba", "header": "%ltl %>a %>A %ul [%tl] %rm %ru %>Hs action",
    }}})  # fmt: skip
    line = b"<134>Nov 25 10:00:00 swg01 Nov 25 09:59:59 10.1.2.3 PC-0012 tanaka [25/Nov/2026:09:59:58 +0900] GET http://www.example.jp/ 403 block"
    directory = Directory(devices=[Device(id="D-12", tenant="kita/aoba/chuo-es", name="PC-0012", owner="p1")])
    (event,) = Reader(settings).read_block(Block("swg", NOW, [PLACES[1]], [line]), directory)
    assert (event["source.ip"], event["user.name"], event["url.domain"], event["http.response.status_code"]) == ("10.1.2.3", "tanaka", "www.example.jp", 403)  # fmt: skip
    assert event["event.type"] == ["access", "denied"]
    assert (event["hinomi.host.id"], event["hinomi.tenant"]) == ("D-12", "kita/aoba/chuo-es")
    assert (event["observer.hostname"], event["log.source.address"]) == ("swg01", "192.0.2.9")


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "-",
        "%",
        "%zz",
        "%00",
        "x" * 70_000,
        "\\",
        "[",
        "]",
        "表",
        "1e9",
        "-1",
        "99999999999999999999",
        "http://[::1",
        "//",
    ],
)
def test_an_odd_cell_hides_no_other(odd: str) -> None:
    line = (GOLDEN / "intersafe.access" / "access.log").read_text(encoding="utf-8").splitlines()[0].split("\t")
    for n in range(len(line)):
        if n not in (0, 1, 7):
            event = parsed("\t".join([*line[:n], odd, *line[n + 1 :]]).encode(), "intersafe.access")
            assert event["event.dataset"] == "intersafe.access", n
            assert n == 5 or event["user.name"] == "mori"
            assert n in (21, 10) or event["url.domain"] == "cloud.example.com"


@pytest.mark.parametrize(
    "name", ["ifilter.access", "squid.access", "intersafe.access", "lanscope.operation", "m365.audit"]
)
def test_lines_of_others_and_torn_ones_are_left_alone(name: str) -> None:
    own = GOLDEN / name
    for case in GOLDEN.glob("*/*.log"):
        for line in case.read_bytes().splitlines():
            made = explain(RawRecord(line, "s", "f:0", NOW), name)[0]
            assert "error.message" not in made, (case, line)
            assert (
                case.parent == own
                or case.parent.name == "lanscope.operation"
                or made["event.dataset"] in ("hinomi.unparsed",)
            ), (case, line)
    for case in own.glob("*.log"):
        for line in case.read_bytes().splitlines():
            for cut in range(0, len(line), 7):
                assert "error.message" not in explain(RawRecord(line[:cut], "s", "f:0", NOW), name)[0]


@pytest.mark.parametrize(
    ("folder", "name", "zone"), [("squid.log", "squid.access", "Etc/GMT+2"), ("o365.audit", "m365.audit", "UTC")]
)
def test_records_of_another_team_are_all_read(shared_data: Path, folder: str, name: str, zone: str) -> None:
    for case in sorted((shared_data / "ecs" / folder).glob("*.log*")) + sorted(
        (shared_data / "ecs" / folder).glob("*.json")
    ):
        if case.name.endswith("expected.json"):
            continue
        if case.suffix == ".json":
            events = json.loads(case.read_text(encoding="utf-8"))["events"]
            raws = [event["event"]["original"].encode() for event in events if "original" in event.get("event", {})]
        else:
            raws = [line for line in case.read_bytes().splitlines() if line]
        made = [explain(RawRecord(raw, "s", f"f:{n}", NOW, zone=zone), name)[0] for n, raw in enumerate(raws)]
        odd = [event for event in made if event["event.dataset"] == "hinomi.unparsed"]
        assert len(odd) <= 2, (case.name, odd[0]["event.original"][:200])
