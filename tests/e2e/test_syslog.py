"""Syslog through `serve`: TCP and TLS, counted RFC 5424 messages and RFC 3164 lines, from the sender to alert and isolation."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import trustme

HEADER = "id,tenant,name,asset_no,owner,protected,vendors\n"
#: (transport, form) → the PC that is hit by it.
WAYS = {
    ("tcp", "rfc3164"): "PC-0101",
    ("tcp", "rfc5424"): "PC-0102",
    ("tls", "rfc3164"): "PC-0103",
    ("tls", "rfc5424"): "PC-0104",
}
MACHINES = {host: f"{number:x}" * 40 for number, host in enumerate(WAYS.values(), 10)}
JST = timezone(timedelta(hours=9))
SWG = "PC-0104"


def message(form: str, host: str, payload: str) -> bytes:
    """Return a payload as an agent sends it: a line, or a message that says how long it is."""
    now = datetime.now(JST)
    if form == "rfc3164":
        return f"<134>{now:%b %d %H:%M:%S} {host} nxlog[412]: {payload}\n".encode()
    said = f'<134>1 {now.isoformat()} {host} nxlog 412 - [a@1 b="c"] \ufeff{payload}'.encode()
    return b"%d %s" % (len(said), said)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, world_module: Any) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("syslog")
    made = world_module.World(folder / "world")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    made.ports = {name: world_module.free_port() for name in ("tcp", "tls", "swg")}
    devices = "".join(
        f"{host},kita/aoba/higashi-es,{host},A-{host[3:]},t1,no,defender={machine}\n"
        for host, machine in MACHINES.items()
    )
    common = 'kind = "syslog"\ntenant = "kita/aoba"\n'
    extra = f"""
[sources.agents]
{common}listen = "127.0.0.1:{made.ports["tcp"]}"
allow = ["127.0.0.0/8"]
formats = ["windows.eventlog"]
trusted_for_containment = true
[sources.sealed]
{common}listen = "127.0.0.1:{made.ports["tls"]}"
transport = "tls"
certificate = "{folder}/cert.pem"
key = "{folder}/key.pem"
client_ca = "{folder}/ca.pem"
formats = ["windows.eventlog"]
trusted_for_containment = true
[sources.swg]
{common}listen = "127.0.0.1:{made.ports["swg"]}"
formats = ["ifilter.access"]
"""
    made.client = ssl.create_default_context()
    authority.configure_trust(made.client)
    authority.issue_cert("sender.example").configure_cert(made.client)
    try:
        made.lay_out(extra=extra, seconds=False, devices=HEADER + devices)
        made.activate()
        made.start()
        made.eventually, made.macro = world_module.eventually, world_module.macro
        yield made
    finally:
        made.stop()


def connect(place: Any, source: str) -> socket.socket:
    """Connect as a sender does, as soon as the door is open."""
    deadline = time.monotonic() + 30
    while True:
        try:
            plain = socket.create_connection(("127.0.0.1", place.ports[source]), 10)
            break
        except OSError:
            assert time.monotonic() < deadline, "the door does not open"
            time.sleep(0.1)
    return place.client.wrap_socket(plain, server_hostname="localhost") if source == "tls" else plain


@pytest.mark.parametrize(("transport", "form"), WAYS)
def test_a_line_over_syslog_becomes_an_alert_and_isolates_its_pc(place: Any, transport: str, form: str) -> None:
    host = WAYS[transport, form]
    payload = json.dumps(place.macro(host), ensure_ascii=False)
    with closing(connect(place, transport)) as connection:
        connection.sendall(message(form, host, "校務：何でもない行") + message(form, host, payload))
        isolated = place.eventually(lambda: [i for i in place.isolations() if MACHINES[host] in i["path"]], 60)
    assert len(isolated) == 1
    (incident,) = [i for i in place.call("incidents?category=malware")["items"] if i["host"] == host]
    alerts = place.call(f"incidents/{incident['id']}")["alerts"]
    assert "critical" in {alert["level"] for alert in alerts}


def test_what_came_is_stored_with_what_its_header_said(place: Any) -> None:
    def found() -> Any:
        return place.call("events/search", {"query": "log.syslog.appname=nxlog", "since": "1h", "limit": 100})["items"]

    assert place.eventually(lambda: len(found()) == 2 * len(WAYS), 60), found()
    by_host = {host: [e for e in found() if e["log.syslog.hostname"] == host] for host in WAYS.values()}
    for (_, form), host in WAYS.items():
        events = by_host[host]
        assert {e["event.dataset"] for e in events} == {"windows.sysmon_operational", "hinomi.unparsed"}
        assert {e["log.syslog.priority"] for e in events} == {134}
        assert {e.get("log.syslog.version") for e in events} == ({"1"} if form == "rfc5424" else {None})
        assert {e["hinomi.tenant"] for e in events} <= {"kita/aoba", "kita/aoba/higashi-es"}


def test_a_web_filters_line_isolates_nobody_and_names_the_pc(place: Any) -> None:
    now = datetime.now(JST)
    line = (
        f"{now:%b %d %H:%M:%S} 1 1000/21/ - 198.51.100.7:80 10.1.2.3 10.1.2.3 {SWG} sato [{now:%d/%b/%Y:%H:%M:%S} +0900] 200 512 99 - 0 12 12 -1 0 1 0"
        ' %E6%95%99 - 0 - "GET http://bad.example/powershell.exe HTTP/1.1" - Mozilla application%2Foctet-stream A667FEFF'
    )
    with closing(connect(place, "swg")) as connection:
        connection.sendall(f"<134>{now:%b %d %H:%M:%S} swg01 ifilter: {line}\n".encode())

    def found() -> Any:
        return place.call("events/search", {"query": "event.dataset=ifilter.access", "since": "1h"})["items"]

    (event,) = place.eventually(found, 60)
    assert (event["hinomi.host.id"], event["url.domain"], event["hinomi.tenant"]) == (
        SWG,
        "bad.example",
        "kita/aoba/higashi-es",
    )
    assert len(place.isolations()) == len(WAYS)
