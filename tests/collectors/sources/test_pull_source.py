"""The pull source against a listing of ours on a real socket: every version of every alert once, whatever goes wrong."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

Answer = tuple[int, dict[str, str], Any]
NOW = datetime.now(UTC)


def alert(number: int, seconds: float, **more: Any) -> dict[str, Any]:
    moment = (NOW - timedelta(hours=1) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f1Z")
    return {"id": f"a{number:05}", "lastUpdateTime": moment, "severity": "High", "evidence": [{"n": number}], **more}


class Vendor:
    """``GET /api/alerts`` with $filter, $top, $expand; ``fault`` may answer in its place."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.times: list[float] = []
        self.tokens = 0
        self.fault: Callable[[dict[str, str], str], Answer | None] = lambda query, token: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.tokens += 1
                self.answer((200, {}, {"access_token": f"token-{outer.tokens}", "expires_in": 3600}))

            def do_GET(self) -> None:
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                outer.asked.append(query)
                outer.times.append(time.monotonic())
                token = self.headers["Authorization"].removeprefix("Bearer ")
                self.answer(outer.fault(query, token) or (200, {}, {"value": outer.find(query)}))

            def answer(self, answer: Answer) -> None:
                status, headers, body = answer
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def find(self, query: dict[str, str]) -> list[dict[str, Any]]:
        field, sign, value = query["$filter"].split(" ", 2)
        value = value.strip("'")
        wanted = [a for a in self.alerts if (a[field] > value if sign == "gt" else a[field] == value)]
        found = sorted(wanted, key=lambda a: str(a["lastUpdateTime"]))[: int(query["$top"])]
        return found if query.get("$expand") == "evidence" else [{**a, "evidence": []} for a in found]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def pull(desk: Any, vendor: Vendor) -> Any:
    desk.sources = {"edr": {"kind": "pull", "api": "defender.alerts", "vendor": "defender", "interval": 0.05}}
    table = {"base_url": vendor.url, "token_url": f"{vendor.url}/token", "client_id": "c", "client_secret": "s"}
    desk.more = {"vendors": {"defender": table | {"timeout": 5.0}}}
    return desk


def ids(desk: Any) -> list[str]:
    return [json.loads(raw)["id"] for raw in desk.lines()]


def names(count: int) -> list[str]:
    return [f"a{n:05}" for n in range(count)]


def turns(vendor: Vendor, count: int) -> None:
    """Wait until it was asked ``count`` times more."""
    start, deadline = len(vendor.asked), time.monotonic() + 20
    while len(vendor.asked) < start + count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(vendor.asked) >= start + count


def test_each_alert_comes_once_though_the_overlap_is_asked_for_again(pull: Any, vendor: Vendor) -> None:
    pull.start()
    turns(vendor, 2)  # empty pages
    for n in range(30):
        vendor.alerts.append(alert(n, n * 10))
        if n % 10 == 9:
            pull.wait(n + 1)
            turns(vendor, 2)
    assert ids(pull) == names(30)


def test_cursor_and_records_are_one_commit_and_a_restart_goes_on(pull: Any, vendor: Vendor) -> None:
    pull.sources["edr"]["top"] = 7
    vendor.alerts = [alert(n, n * 100) for n in range(20)]
    vendor.fault = lambda query, _: (500, {}, {}) if len(vendor.asked) > 2 else None
    pull.start()
    pull.wait(13)  # two pages that share one alert, then nothing more
    turns(vendor, 1)
    cursor = pull.receiver.committers["bulk-0"].log.state("edr/cursor").decode()
    pull.stop()
    assert ids(pull) == names(13)
    assert cursor[:26] == vendor.alerts[12]["lastUpdateTime"][:26]
    vendor.fault = lambda query, token: None
    pull.start()
    pull.wait(20)
    turns(vendor, 3)
    assert ids(pull) == names(20)


def test_an_alert_that_is_updated_later_is_a_new_version(pull: Any, vendor: Vendor) -> None:
    vendor.alerts = [alert(0, 0)]
    pull.start()
    pull.wait(1)
    vendor.alerts = [alert(0, 30, status="Resolved")]
    pull.wait(2)
    turns(vendor, 2)
    assert [json.loads(raw).get("status") for raw in pull.lines()] == [None, "Resolved"]


def test_more_alerts_of_one_instant_than_a_page_holds(pull: Any, vendor: Vendor) -> None:
    pull.sources["edr"] |= {"top": 5, "overlap": 0}
    vendor.alerts = [alert(n, 0) for n in range(23)] + [alert(n, 5) for n in range(23, 30)]
    pull.start()
    pull.wait(30)
    turns(vendor, 3)
    assert sorted(ids(pull)) == names(30)


def test_an_alert_that_shares_its_time_with_the_last_of_a_page_is_not_left_out(pull: Any, vendor: Vendor) -> None:
    pull.sources["edr"]["overlap"] = 0
    vendor.alerts = [alert(0, 0)]
    pull.start()
    pull.wait(1)
    vendor.alerts.append(alert(1, 0))  # the vendor shows it later
    assert len(pull.wait(2)) == 2


def test_the_past_is_backfill_until_the_first_page_that_is_not_full(pull: Any, vendor: Vendor) -> None:
    pull.sources["edr"]["top"] = 4
    vendor.alerts = [alert(n, n * 100) for n in range(10)]
    pull.start()
    pull.wait(10)
    turns(vendor, 2)
    vendor.alerts.append(alert(10, 1001))
    pull.wait(11)
    marks = [(block.backfill, json.loads(raw)["id"]) for block in pull.blocks() for raw in block.raws]
    assert sorted(name for past, name in marks if past) == names(10)
    assert [name for past, name in marks if not past] == ["a00010"]


def test_429_is_waited_out_as_long_as_it_says(pull: Any, vendor: Vendor) -> None:
    vendor.alerts = [alert(0, 0)]
    vendor.fault = lambda query, _: (429, {"Retry-After": "2"}, {}) if len(vendor.asked) == 1 else None
    pull.start()
    pull.wait(1)
    assert vendor.times[1] - vendor.times[0] >= 2


def test_errors_are_asked_after_with_growing_pauses(pull: Any, vendor: Vendor) -> None:
    pull.sources["edr"]["interval"] = 0.2
    vendor.fault = lambda query, _: (404, {}, {})
    pull.start()
    turns(vendor, 5)
    pauses = [later - earlier for earlier, later in zip(vendor.times, vendor.times[1:], strict=False)]
    assert pauses[3] > pauses[0]
    assert all(pause > 0.1 for pause in pauses)
    vendor.fault = lambda query, token: None
    vendor.alerts = [alert(0, 0)]
    assert len(pull.wait(1)) == 1


def test_a_token_that_is_refused_is_asked_for_anew(pull: Any, vendor: Vendor) -> None:
    vendor.alerts = [alert(0, 0)]
    vendor.fault = lambda query, token: (401, {}, {}) if token == "token-1" else None
    pull.start()
    assert len(pull.wait(1)) == 1
    assert vendor.tokens == 2


def test_one_alert_that_the_vendor_cannot_give_holds_up_no_other(pull: Any, vendor: Vendor) -> None:
    def fault(query: dict[str, str], _: str) -> Answer | None:
        poisoned = any(a["id"] == "a00025" for a in vendor.find(query))
        return (500, {}, {"error": "internal"}) if poisoned and "$expand" in query else None

    pull.sources["edr"]["interval"] = 0.02
    vendor.fault = fault
    vendor.alerts = [alert(n, n * 60) for n in range(60)]
    pull.start()
    found = [json.loads(raw) for raw in pull.wait(60)]
    turns(vendor, 3)
    assert Counter(a["id"] for a in found) == Counter(names(60))
    assert [a["id"] for a in found if not a["evidence"]] == ["a00025"]


def test_a_vendor_that_is_away_loses_nothing(pull: Any, vendor: Vendor) -> None:
    vendor.fault = lambda query, _: (503, {}, b"away")
    vendor.alerts = [alert(n, n) for n in range(5)]
    pull.start()
    turns(vendor, 5)
    assert pull.lines() == []
    vendor.fault = lambda query, token: None
    assert len(pull.wait(5)) == 5
    assert all(json.loads(raw)["evidence"] for raw in pull.lines())


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"value": 5}', b'{"value": [1, null, "x"]}', b""])
def test_an_answer_that_is_no_list_is_said_and_asked_for_again(pull: Any, vendor: Vendor, body: bytes) -> None:
    vendor.alerts = [alert(0, 0)]
    vendor.fault = lambda query, _: (200, {}, body) if len(vendor.asked) <= 2 else None
    pull.start()
    assert len(pull.wait(1)) == 1


@pytest.mark.parametrize("skew", [timedelta(hours=2), timedelta(hours=-2), timedelta(days=9000)])
def test_a_vendor_whose_clock_is_wrong_hides_nothing(pull: Any, vendor: Vendor, skew: timedelta) -> None:
    pull.start()
    turns(vendor, 1)
    first = alert(0, 3600)
    first["lastUpdateTime"] = (NOW + skew).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
    vendor.alerts = [first]
    pull.wait(1)
    other = datetime.now(UTC) + (skew if skew < timedelta(days=1) else timedelta())
    vendor.alerts.append({**alert(1, 0), "lastUpdateTime": other.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")})
    pull.wait(2)
    turns(vendor, 3)
    assert ids(pull) == names(2)


def test_alerts_without_an_id_are_kept_apart(pull: Any, vendor: Vendor) -> None:
    vendor.alerts = [{k: v for k, v in alert(n, 0, title=f"t{n}").items() if k != "id"} for n in range(3)]
    pull.start()
    assert len(pull.wait(3)) == 3
    turns(vendor, 2)
    assert len(pull.lines()) == 3
