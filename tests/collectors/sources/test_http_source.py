"""The ingest door: keys, sizes, packed bodies, batches that come twice, and a spool with no room."""

import gzip
import http.client
import json
import os
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import zstandard

from hinomi.api import keys
from hinomi.cli.acting.ports import free_port
from hinomi.clock import iso
from hinomi.tenancy import SCOPES, Grant


def eventually(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


class Door:
    def __init__(self, desk: Any):
        self.port, self.desk = free_port(), desk
        desk.sources = {name: {"kind": "http", "tenant": "kita/aoba"} for name in ("a", "b")}
        desk.more = {"ingest": {"listen": f"127.0.0.1:{self.port}", "max_body": 200_000}}
        self.secret = self.key("ingest", sources=["a"])

    def key(self, *scopes: str, tenant: str = "", sources: list[str] | None = None) -> str:
        with self.desk.state.write() as conn:
            grant = Grant("local:t", "", SCOPES)
            return keys.create(conn, self.desk.now(), grant, name="k", scopes=scopes, tenant=tenant, sources=sources)[1]

    def post(
        self, body: bytes, source: str = "a", *, key: str | None = None, method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, Any], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(
            method, f"/v1/events/{source}", body, {"Authorization": f"Bearer {key or self.secret}", **sent}
        )
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        return answer.status, content, answer.headers


@pytest.fixture
def door(desk: Any) -> Door:
    made = Door(desk)
    desk.start()
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", made.port), 1).close()
            break
        except OSError:
            time.sleep(0.02)
    return made


def test_lines_are_durable_when_the_answer_comes(door: Door) -> None:
    assert door.post(b'{"a":1}\r\n\n{"a":2}\n\xff\xfe\x00not json')[:2] == (200, {"accepted": 3})
    assert door.desk.lines() == [b'{"a":1}', b'{"a":2}', b"\xff\xfe\x00not json"]
    assert door.post(b"")[:2] == (200, {"accepted": 0})


def test_a_batch_counts_once_also_after_a_restart(door: Door) -> None:
    assert door.post(b"1\n2\n", Hinomi_Batch="x")[1] == {"accepted": 2}
    assert door.post(b"1\n2\n", Hinomi_Batch="x")[1] == {"duplicate": 2}
    door.desk.stop()
    door.desk.start()
    from time import sleep

    for _ in range(100):
        try:
            assert door.post(b"1\n2\n", Hinomi_Batch="x")[1] == {"duplicate": 2}
            break
        except (ConnectionRefusedError, http.client.RemoteDisconnected):
            sleep(0.05)
    assert door.desk.lines() == [b"1", b"2"]
    assert door.post(b"1", Hinomi_Batch="y" * 201)[0] == 400


def test_history_goes_beside_what_comes_now(door: Door) -> None:
    door.post(b"old", Hinomi_Backfill="true")
    door.post(b"new")
    assert [(block.raws, block.backfill) for block in door.desk.blocks()] == [([b"old"], True), ([b"new"], False)]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("nobody", 401),
        ("other source", 403),
        ("no scope", 403),
        ("other tenant", 403),
        ("revoked", 401),
        ("no such source", 404),
        ("GET", 405),
    ],
)
def test_who_may_not_send_is_refused(door: Door, kind: str, status: int) -> None:
    secrets = {
        "nobody": "hnm_x_y", "no scope": door.key("read"), "other tenant": door.key("ingest", tenant="kita/other"), "revoked": door.key("ingest"),
    }  # fmt: skip
    if kind == "revoked":
        with door.desk.state.write() as conn:
            conn.exec_driver_sql("UPDATE api_key SET revoked_at=?", (iso(door.desk.now()),))
    source = {"other source": "b", "no such source": "nowhere"}.get(kind, "a")
    answer = door.post(b"x", source, key=secrets.get(kind), method="GET" if kind == "GET" else "POST")
    assert answer[0] == status
    assert answer[1]["hint"]
    assert door.desk.lines() == []


def test_packed_bodies_and_what_pretends_to_be(door: Door) -> None:
    text = b"\n".join(b"line %d" % n for n in range(1000))
    assert door.post(gzip.compress(text), Content_Encoding="gzip")[:2] == (200, {"accepted": 1000})
    assert door.post(b"not gzip", Content_Encoding="gzip")[0] == 400
    assert door.post(text, Content_Encoding="br")[0] == 415
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(200)) + bomb.flush()
    assert door.post(packed, Content_Encoding="gzip")[0] == 413
    assert door.post(b"x" * 300_000)[0] == 413
    assert len(door.desk.lines()) == 1000


def test_no_room_is_429_and_the_sender_may_come_again(desk: Any) -> None:
    made = Door(desk)
    desk.more["spool"] = {"max_bytes": 1 << 20}
    desk.start()
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", made.port), 1).close()
            break
        except OSError:
            time.sleep(0.02)
    accepted, answers = 0, []
    for _ in range(40):
        status, body, headers = made.post(os.urandom(60_000).hex().encode())
        answers.append(status)
        accepted += body.get("accepted", 0)
        if status == 429:
            assert int(headers["Retry-After"]) > 0
    assert 429 in answers
    assert set(answers) == {200, 429}
    assert len(desk.lines()) == accepted


def test_packed_bodies_of_several_members_are_read_whole(door: Door) -> None:
    parts = [b"one\ntwo\n", b"three\n"]
    assert door.post(b"".join(map(gzip.compress, parts)), Content_Encoding="gzip")[:2] == (200, {"accepted": 3})
    packer = zstandard.ZstdCompressor()
    assert door.post(b"".join(map(packer.compress, parts)), Content_Encoding="zstd")[:2] == (200, {"accepted": 3})
    assert door.desk.lines() == [b"one", b"two", b"three"] * 2


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_packed_body_that_is_cut_off_or_packed_twice_is_refused_whole(door: Door, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zstandard.ZstdCompressor().compress
    packed = pack(b"\n".join(b"line %d" % n for n in range(5000)))
    assert door.post(packed[:-5], Content_Encoding=encoding)[0] == 400
    assert door.post(packed + b"more", Content_Encoding=encoding)[0] == 400
    assert door.post(pack(packed), Content_Encoding=encoding)[0] == 415
    assert door.post(packed)[0] == 415
    assert door.post(packed, Content_Encoding="gzip, gzip")[0] == 415
    assert door.desk.lines() == []


def test_bombs_cost_no_memory(door: Door) -> None:
    packed = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))
    members = gzip.compress(gzip.compress(bytes(1 << 26)))
    endless = gzip.compress(bytes(1 << 20)) * 150
    tracemalloc.start()
    assert door.post(packed, Content_Encoding="zstd")[0] == 413
    assert door.post(members, Content_Encoding="gzip")[0] in (413, 415)
    assert door.post(endless, Content_Encoding="gzip")[0] == 413
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 << 20
    assert door.desk.lines() == []


def test_a_body_that_is_cut_off_leaves_nothing(door: Door) -> None:
    for head in (b"Content-Length: 1000", b"Transfer-Encoding: chunked"):
        with socket.create_connection(("127.0.0.1", door.port), 5) as raw:
            line = b"POST /v1/events/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % door.secret.encode()
            body = b"1\n2\n" if head.startswith(b"Content") else b"4\r\n1\n2\n\r\n"
            raw.sendall(line + head + b"\r\n\r\n" + body)
    assert door.post(b"after")[0] == 200
    assert door.desk.lines() == [b"after"]


def test_a_revoked_key_ends_on_a_connection_that_lives(door: Door) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)

    def status() -> int:
        connection.request("POST", "/v1/events/a", b"x", {"Authorization": f"Bearer {door.secret}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert status() == 200
    with door.desk.state.write() as conn:
        conn.exec_driver_sql("UPDATE api_key SET revoked_at=?", (iso(door.desk.now()),))
    assert eventually(lambda: status() == 401)
    connection.close()


def test_a_batch_sent_twice_at_once_counts_once(door: Door) -> None:
    body = b"\n".join(b"%06d" % n for n in range(2000))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: door.post(body, Hinomi_Batch="same")[:2], range(8)))
    assert sorted(answer[1].popitem() for answer in answers) == [("accepted", 2000)] + [("duplicate", 2000)] * 7
    assert len(door.desk.lines()) == 2000
