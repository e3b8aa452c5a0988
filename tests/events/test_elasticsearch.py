"""What is Elasticsearch's own: refusals, a server that is full or away, indices that end, the line to it."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from hinomi import log
from hinomi.errors import ConfigError, HinomiError
from hinomi.event import Event
from hinomi.events import EventStore, Flush, Query, open_store
from hinomi.events.candidates import AnyOf, Is
from hinomi.events.elasticsearch import keeping
from hinomi.events.elasticsearch.client import ElasticError
from hinomi.events.elasticsearch.mapping import field_of
from hinomi.events.query import parse
from hinomi.settings import Settings, load_settings
from hinomi.tenancy import Grant

pytestmark = pytest.mark.timeout(300)
ALWAYS = ("0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z")
WHO = Grant("t", "", frozenset({"read"}))


def event(number: int, **more: object) -> Event:
    base = {
        "@timestamp": f"2026-11-20T01:00:00.{number:06}Z", "event.id": f"{number:032x}", "event.dataset": "t.x",
        "hinomi.tenant": "kita/aoba/higashi-es", "hinomi.source": "s", "message": f"line {number}",
    }  # fmt: skip
    return {**base, **more}


def messages(store: EventStore, query: str = "") -> list[str]:
    found = Query(WHO, *ALWAYS, parse(query), oldest_first=True)
    return [each["message"] for batch in store.scan(found) for each in batch]


class Front:
    """Stands before the node on loopback: passes on, or does what a server in trouble does."""

    def __init__(self, node: str, tls: ssl.SSLContext | None = None):
        self.node, self.port = urlsplit(node), 0
        self.seen: list[tuple[str, str, int]] = []
        self.authorization = ""
        self.most = 1 << 30
        self.busy = 0
        self.swallow = ""
        self.live: set[socket.socket] = set()
        self._tls = tls
        self._server: ThreadingHTTPServer | None = None
        self.open()

    def open(self) -> None:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                front.live.add(self.connection)

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                front.authorization = self.headers.get("Authorization", "")
                front.seen.append((self.command, self.path, len(body)))
                status, content = front.answer(self.command, self.path, body)
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _pass

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if len(body) > self.most:
            return 413, b"<html>Request Entity Too Large</html>"
        if "_bulk" in path and self.busy:
            self.busy -= 1
            return 429, b'{"error":{"type":"es_rejected_execution_exception","reason":"queue full"},"status":429}'
        upstream = http.client.HTTPConnection(self.node.hostname or "", self.node.port, timeout=60)
        upstream.request(method, path, body, {"Content-Type": "application/json"})
        told = upstream.getresponse()
        answer = told.status, told.read()
        upstream.close()
        if self.swallow and self.swallow in path:
            self.swallow = ""
            return 0, b""
        return answer

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self.live:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.live.clear()


@pytest.fixture
def front(elasticsearch: Any) -> Iterator[Front]:
    made = Front(elasticsearch.url)
    yield made
    made.close()


@pytest.fixture
def opened(elasticsearch: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open stores, writable, that are closed at the end; the same words open the same one again."""
    made: list[Any] = []

    def make(url: str = "", fields: tuple[str, ...] = (), **more: Any) -> Any:
        for store in made:
            store.close()
        prefix = f"t{tmp_path.name.lower().replace('-', '_')[-20:]}{id(made)}"
        keys = {"prefix": prefix, **({"url": url} if url else {}), **more}
        made.append(open_store(elasticsearch.settings(tmp_path, **keys), writable=True, fields=frozenset(fields)))
        return made[-1]

    yield make
    for store in made:
        store.close()


def test_a_field_that_is_a_value_once_and_an_object_another_time_loses_no_event(opened: Callable[..., Any]) -> None:
    store = opened(fields=("own.a", "own.a.b", "own.c"))
    sent = [
        event(1, **{"own.a": "x", "process.name": "cmd.exe", "source.ip": "10.0.0.1"}),
        event(2, **{"own.a.b": "y", "process.name": {"text": "cmd.exe"}, "source.ip": "no address"}),
        event(3, **{"own.a": "x", "own.a.b": "y", "process.name": ["cmd.exe", 3], "source.ip": 5}),
        event(4, **{"process.pid": "many", "other": {"a": 1}, "other.a.b": [{"c": None}], "": 1, "a..b": 2, ".": 3, "own.c": "2026-11-20"}),
        event(5, **{"process.pid": 2**63 - 1, "other": "text", "own.c": "not a date", "z" * 40_000: "w" * 70_000}),
    ]  # fmt: skip
    store.append(Flush("a", [(1, sent)]))
    assert [found for batch in store.scan(Query(WHO, *ALWAYS, oldest_first=True)) for found in batch] == sent
    assert messages(store, "process.name=cmd.exe") == ["line 1", "line 3"]
    assert messages(store, 'source.ip="no address"') == ["line 2"]


def test_what_is_refused_for_good_is_kept_whole_marked_and_found(
    opened: Callable[..., Any], elasticsearch: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    deep: Any = "bottom"
    for _ in range(40):
        deep = {"down": deep}
    log.configure("storer")
    store = opened()
    sent = [event(1), event(2, **{"own.deep": deep, "process.name": "evil.exe"}), event(3)]
    store.append(Flush("a", [(1, sent)]))
    assert [found for batch in store.scan(Query(WHO, *ALWAYS, oldest_first=True)) for found in batch] == sent
    assert messages(store, "process.name=evil.exe") == ["line 2"]
    assert messages(store, "own.deep~bottom") == ["line 2"]
    marked = elasticsearch.http.post(
        f"/{store.stream}/_search", json={"query": {"exists": {"field": "hinomi.index.refused"}}}
    ).json()
    assert ["depth" in hit["_source"]["hinomi.index.refused"] for hit in marked["hits"]["hits"]] == [True]
    assert [each.found for each in store.diagnose() if each.check == "store refusals"] == [
        "1 events, kept; hinomi.index.refused says why"
    ]
    said = capfd.readouterr()
    assert "elasticsearch.refused" in said.err + said.out
    assert "bottom" not in said.err + said.out, "a log line quotes no event"


def test_an_event_too_large_for_the_server_is_kept_beside_it(
    opened: Callable[..., Any], front: Front, tmp_path: Path
) -> None:
    store = opened(front.url)
    front.most = 60_000
    large = event(2, **{f"own.{n}": "x" * 60_000 for n in range(3)})
    store.append(Flush("a", [(1, [event(1), large, *(event(n) for n in range(3, 400))])]))
    kept = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert [line["event"] for line in kept] == [large]
    ids = {found["event.id"] for batch in store.scan(Query(WHO, *ALWAYS)) for found in batch}
    assert ids == {event(n)["event.id"] for n in range(1, 400)}


def test_a_server_that_is_busy_is_asked_again_and_nothing_is_doubled(opened: Callable[..., Any], front: Front) -> None:
    store = opened(front.url)
    front.busy = 3
    store.append(Flush("a", [(1, [event(n) for n in range(10)])]))
    assert messages(store) == [f"line {n}" for n in range(10)]


def test_events_that_a_full_node_refuses_wait_and_go_in_when_there_is_room(
    opened: Callable[..., Any], elasticsearch: Any
) -> None:
    """A node above its flood-stage watermark answers each item with 429; this is the same block."""
    store = opened()
    store.append(Flush("a", [(1, [event(0)])]))

    def block(on: bool | None) -> None:
        answer = elasticsearch.http.put(f"/{store.stream}/_settings", json={"index.blocks.read_only_allow_delete": on})
        assert answer.status_code == 200, answer.text

    block(True)
    with pytest.raises(ElasticError, match="not taken"):
        store.append(Flush("a", [(2, [event(1), event(2)])]))
    assert store.position("a") == 1
    block(None)
    store.append(Flush("a", [(2, [event(1), event(2)]), (3, [event(3)])]))
    assert messages(store) == ["line 0", "line 1", "line 2", "line 3"]
    assert store.position("a") == 3


def test_an_answer_that_is_lost_doubles_nothing_even_after_a_rollover(
    opened: Callable[..., Any], front: Front, elasticsearch: Any
) -> None:
    store = opened(front.url)
    store.append(Flush("a", [(1, [event(1)])]))
    front.swallow = "_bulk"
    with pytest.raises(ElasticError, match="does not answer"):
        store.append(Flush("a", [(2, [event(2), event(3)])]))
    assert store.position("a") == 1
    assert elasticsearch.http.post(f"/{store.stream}/_rollover").status_code == 200
    store = opened(front.url)  # as after a restart: what was written before is not known to be
    store.append(Flush("a", [(2, [event(2), event(3)]), (3, [event(4)])]))
    assert messages(store) == ["line 1", "line 2", "line 3", "line 4"]


def test_a_writer_that_ends_between_events_and_position_doubles_nothing(
    opened: Callable[..., Any], elasticsearch: Any
) -> None:
    class Killed(Exception):
        pass

    def kill(point: str) -> None:
        raise Killed(point)

    store = opened()
    store.failpoint = kill
    with pytest.raises(Killed, match="after_events"):
        store.append(Flush("a", [(1, [event(1), event(2)])]))
    assert store.position("a") == 0
    assert elasticsearch.http.post(f"/{store.stream}/_rollover").status_code == 200
    store = opened()
    store.append(Flush("a", [(1, [event(1), event(2)]), (2, [event(3)])]))
    assert messages(store) == ["line 1", "line 2", "line 3"]


def test_times_from_the_first_year_to_the_last_are_kept_to_the_microsecond(opened: Callable[..., Any]) -> None:
    times = [
        "0001-01-01T00:00:00.000001Z", "1601-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "2026-11-20T01:00:00.000001Z",
        "2026-11-20T01:00:00.000002Z", "2262-04-12T00:00:00.000000Z", "9999-12-31T23:59:59.999998Z",
    ]  # fmt: skip
    store = opened()
    store.append(Flush("a", [(1, [event(n, **{"@timestamp": moment}) for n, moment in enumerate(times)])]))
    assert messages(store) == [f"line {n}" for n in range(len(times))]
    found = store.search(Query(WHO, times[3], times[4]))
    assert [each["message"] for each in found.events] == ["line 3"]


def test_an_index_that_is_past_its_time_goes_as_a_whole(opened: Callable[..., Any], elasticsearch: Any) -> None:
    def indices() -> list[str]:
        told = elasticsearch.http.get(f"/_resolve/index/{store.stream}").json()
        return list(told["data_streams"][0]["backing_indices"])

    store = opened()
    store.append(Flush("a", [(1, [event(1), event(2)])]))
    (first,) = indices()
    assert elasticsearch.http.post(f"/{store.stream}/_rollover").status_code == 200
    store.append(Flush("a", [(2, [event(3, **{"@timestamp": "2027-11-20T00:00:00.000000Z"}), event(4)])]))
    assert store.expire("2027-11-20T23:00:00.000000Z", {"365": 365}) == 0, "not before the day is over"
    assert store.expire("2027-11-21T00:00:00.000000Z", {"365": 365}) == 3
    assert messages(store) == ["line 3"]
    assert first not in indices()


def test_rules_that_come_later_have_their_fields_indexed_from_then_on(
    opened: Callable[..., Any], elasticsearch: Any
) -> None:
    opened().append(Flush("a", [(1, [event(1, **{"registry.path": "HKLM\\Run"})])]))
    store = opened(fields=("registry.path",))
    store.append(Flush("a", [(2, [event(2, **{"registry.path": "HKLM\\Run"})])]))
    assert messages(store, "registry.path~hklm\\run") == ["line 1", "line 2"]
    body = {"query": {"term": {"registry.path.caseless": "hklm\\run"}}}
    told = elasticsearch.http.post(f"/{store.stream}/_search", json=body).json()
    assert [hit["_source"]["message"] for hit in told["hits"]["hits"]] == ["line 2"]


def test_a_rule_may_name_anything_as_a_field(opened: Callable[..., Any]) -> None:
    names = (
        "process.name.caseless",
        "_id",
        "a..b",
        ".",
        " ",
        "host.ip.text",
        "hinomi.index.time",
        "n" * 9000,
        "a*b",
        "名前",
        "a\nb",
        "two words",
    )
    store = opened(fields=names)
    sent = event(1, **dict.fromkeys(names, "Value"), **{"process.name": "x.exe"})
    store.append(Flush("a", [(1, [sent])]))
    for name in names:
        found = [each for batch in store.candidates(Is(name, "equals", "value"), *ALWAYS, WHO) for each in batch]
        assert found == [sent], name


def test_a_filter_too_large_for_the_server_finds_all_the_same(opened: Callable[..., Any]) -> None:
    store = opened(fields=tuple(f"f{n}" for n in range(60)))
    sent = event(1, f3="the word5 itself")
    store.append(Flush("a", [(1, [sent])]))
    words = AnyOf(tuple(Is(f"f{field}", "contains", f"word{n}") for field in range(60) for n in range(90)))
    assert [each for batch in store.candidates(words, *ALWAYS, WHO) for each in batch] == [sent]


def test_an_index_that_is_old_is_followed_by_a_new_one(
    opened: Callable[..., Any], elasticsearch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    store.append(Flush("a", [(1, [event(1)])]))
    store.maintain()
    monkeypatch.setattr(keeping, "ROLLOVER", {"max_docs": 1})
    store.maintain()
    store.append(Flush("a", [(2, [event(2)])]))
    told = elasticsearch.http.get(f"/_resolve/index/{store.stream}").json()
    assert len(told["data_streams"][0]["backing_indices"]) == 2
    assert messages(store) == ["line 1", "line 2"]


def test_fields_have_the_types_of_ecs() -> None:
    names = (
        "@timestamp",
        "source.ip",
        "host.ip",
        "process.pid",
        "destination.port",
        "event.category",
        "hinomi.host.known",
    )
    assert [field_of(name)["type"] for name in names] == ["date", "ip", "ip", "long", "long", "keyword", "boolean"]


def test_it_talks_over_tls_to_whom_its_ca_vouches_for_and_shows_its_key(
    opened: Callable[..., Any], elasticsearch: Any, tmp_path: Path
) -> None:
    ours, other = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.issue_cert("127.0.0.1").configure_cert(context)
    for name, authority in (("ours", ours), ("other", other)):
        authority.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    front = Front(elasticsearch.url, context)
    try:
        store = opened(front.url, ca=str(tmp_path / "ours.pem"), api_key="a2V5")
        store.append(Flush("a", [(1, [event(1)])]))
        assert messages(store) == ["line 1"]
        assert front.authorization == "ApiKey a2V5"
        store = opened(front.url, ca=str(tmp_path / "ours.pem"), user="hinomi", password="pass:word")
        assert store.position("a") == 1
        assert front.authorization == "Basic aGlub21pOnBhc3M6d29yZA=="
        with pytest.raises(ElasticError, match=r"(?i)certificate"):
            opened(front.url, ca=str(tmp_path / "other.pem"), api_key="a2V5").position("a")
    finally:
        front.close()


def test_the_next_node_is_asked_where_one_is_away(opened: Callable[..., Any], front: Front, elasticsearch: Any) -> None:
    front.close()
    store = opened([front.url, elasticsearch.url])
    store.append(Flush("a", [(1, [event(1)])]))
    assert messages(store) == ["line 1"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("", "url: Field required"), ('url = "http://es.example:9200"', "https:// only"), ('url = "es.example"', "write https://HOST:9200"),
        ('url = "https://a:b@es.example"', "keys of their own"), ('url = "https://es.example"\napikey = "x"', "apikey"),
        ('url = "https://es.example"\nuser = "x"', "user and password"), ('url = "https://es.example"\nca = "none.pem"', "none.pem"),
        ('url = "https://es.example"\nprefix = "Kita Aoba"', "prefix"),
    ],
)  # fmt: skip
def test_keys_that_do_not_fit_are_named_before_anything_starts(tmp_path: Path, keys: str, told: str) -> None:
    from hinomi.runtime.check import check

    path = tmp_path / "hinomi.toml"
    path.write_text(f'data = "data"\n[store]\nkind = "elasticsearch"\n{keys}\n')
    with pytest.raises(ConfigError) as error:
        check(load_settings(path))
    assert told in str(error.value)
    assert "hinomi.toml" in str(error.value)
    assert "a:b" not in str(error.value)


def test_a_key_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "hinomi.toml"
    path.write_text('data = "data"\n[store]\nkind = "elasticsearch"\nurl = "https://es.example"\napikey = "x"\n')
    with pytest.raises(ConfigError, match=r"hinomi\.toml:5: unknown key store\.apikey"):
        open_store(load_settings(path))


def test_a_key_of_another_store_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="api_key"):
        open_store(Settings.model_validate({"data": tmp_path, "store": {"api_key": "x"}}))


def test_a_server_that_is_away_is_an_error_with_a_remedy(opened: Callable[..., Any], front: Front) -> None:
    front.close()
    store = opened(front.url)
    with pytest.raises(HinomiError, match="does not answer") as error:
        messages(store)
    assert error.value.hint
    assert error.value.status == 503
    (found,) = store.diagnose()
    assert (found.check, found.ok, bool(found.remedy)) == ("store", False, True)


def test_the_doctor_names_version_health_and_disk(opened: Callable[..., Any]) -> None:
    found = {each.check: each for each in opened().diagnose()}
    assert "elasticsearch 9." in found["store"].found
    assert all(each.ok for each in found.values()), found
    assert found["store health"].found.startswith(("green", "yellow"))
    assert any(name.startswith("store disk") and "watermark" in each.found for name, each in found.items())


@pytest.mark.parametrize(
    ("watermark", "headroom", "least"),
    [("90%", "150gb", 150 << 30), ("90%", "-1", 1 << 40), ("0.9", "-1", 1 << 40), ("50gb", "-1", 50 << 30), ("95%", "1tb", 1 << 39), ("500b", "150GB", 500)],
)  # fmt: skip
def test_a_disk_is_full_where_elasticsearch_says_so(watermark: str, headroom: str, least: int) -> None:
    assert keeping._least_free(watermark, headroom, 10 << 40) == pytest.approx(least)


def test_isolation_goes_on_without_the_server_and_everything_is_stored_when_it_is_there(
    elasticsearch: Any, front: Front, world_module: Any, tmp_path: Path
) -> None:
    eventually, macro = world_module.eventually, world_module.macro
    keys = elasticsearch.settings(tmp_path).store
    world = world_module.World(tmp_path / "world")
    table = f'[store]\nkind = "elasticsearch"\nurl = "{front.url}"\nprefix = "{keys.own()["prefix"]}"\nflush_seconds = 0.5\n'
    world.lay_out(extra=table, devices=world_module.DEVICES.replace(",yes,", ",no,"))
    activate = ("playbook", "activate", "external-malware", "--mode", "live", "--reason", "test")
    world.hinomi("--config", str(world.config), *activate)
    front.close()
    data = world.config.parent / "data"

    def stored() -> int:
        told = world.call("events/count", {"since": "1h", "query": "hinomi.source=winlog"})
        return sum(row["count"] for row in told.get("items", ()))

    def logged(name: str) -> list[dict[str, Any]]:
        lines = (world.folder / "serve.log").read_text().splitlines()
        return [json.loads(line) for line in lines if f'"{name}"' in line]

    def quiet(number: int) -> list[dict[str, Any]]:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return [{"EventID": 4624, "Channel": "Security", "Computer": "PC-0101", "TargetUserName": "sato", "Serial": f"s{number}-{n}", "TimeCreated": moment} for n in range(50)]  # fmt: skip

    try:
        world.start()
        assert eventually(lambda: logged("role.store_away"), 60)
        assert world.post([macro(), *quiet(1)])[0] == 200
        assert eventually(world.isolations, 60), "detection does not wait for the event store"
        assert world.call("events/count", {"since": "1h"})["status"] == 503
        front.open()
        assert eventually(lambda: stored() == 51, 60)
        assert eventually(lambda: list((data / "run/pos").glob("*.storer")), 60)
        front.close()
        positions = {path: path.read_bytes() for path in (data / "run/pos").glob("*.storer")}
        assert world.post([macro(host="PC-0102"), *quiet(2)])[0] == 200
        assert eventually(lambda: len(world.isolations()) == 2, 60)
        assert eventually(lambda: len(logged("storer.append_failed")) > 1, 60)
        pauses = [line["again_in"] for line in logged("storer.append_failed")]
        assert pauses == sorted(pauses)
        assert pauses[-1] > pauses[0], "it waits longer each time"
        assert {path: path.read_bytes() for path in (data / "run/pos").glob("*.storer")} == positions
        front.open()
        assert eventually(lambda: stored() == 102, 60)
        assert "role_died" not in (world.folder / "serve.log").read_text()
    finally:
        world.stop()
