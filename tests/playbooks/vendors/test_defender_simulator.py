"""The simulator answers as Microsoft's pages say, and refuses what they do not."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

MACHINE = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07"
OTHER = "2f5bc9d7e413ddd7902c2932e418702b84d0cc08"
MODULE = "hinomi.playbooks.vendors.defender.simulator"


class Simulated:
    """A running simulator and two clients: the product's, and the players'."""

    def __init__(self, folder: Path, *more: str):
        self.journal = folder / "journal.jsonl"
        (folder / "machines.json").write_text(
            json.dumps(
                [{"id": MACHINE, "computerDnsName": "higashi-pc01"}, {"id": OTHER, "computerDnsName": "higashi-pc02"}]
            )
        )
        command = [
            sys.executable,
            "-m",
            MODULE,
            "--client-id",
            "app",
            "--client-secret",
            "s3cret",
            "--control-secret",
            "door",
        ]
        command += ["--journal", str(self.journal), "--machines", str(folder / "machines.json"), *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        ports = json.loads(self.process.stdout.readline())
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{ports['port']}")
        self.door = httpx2.Client(
            base_url=f"http://127.0.0.1:{ports['control_port']}", headers={"Authorization": "Bearer door"}
        )

    def token(self, **changes: str) -> httpx2.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": "app",
            "client_secret": "s3cret",
            "scope": "https://api/.default",
        }
        return self.http.post("/tenant/oauth2/v2.0/token", data=form | changes)

    def log_in(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {self.token().json()['access_token']}"

    def isolate(self, machine: str = MACHINE, **body: Any) -> httpx2.Response:
        return self.http.post(
            f"/api/machines/{machine}/isolate", json=body or {"Comment": "[tag]", "IsolationType": "Full"}
        )

    def status(self, action: str, wanted: str) -> dict[str, Any]:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.http.get(f"/api/machineactions/{action}").json()
            if found["status"] == wanted:
                return found
            time.sleep(0.03)
        raise AssertionError(f"{found['status']} never became {wanted}")

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text(encoding="utf-8").splitlines()]

    def close(self) -> None:
        self.http.close()
        self.door.close()
        self.process.terminate()
        self.process.communicate(timeout=10)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    found = Simulated(tmp_path_factory.mktemp("sim"), "--no-limits", "--pending", "0.1", "--running", "0.1")
    found.log_in()
    yield found
    found.close()


@pytest.fixture
def sim(shared: Simulated) -> Iterator[Simulated]:
    yield shared
    shared.door.delete("/faults")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    found = Simulated(
        tmp_path_factory.mktemp("strict"), "--token-seconds", "1", "--per-minute", "3", "--repeat", "pending"
    )
    yield found
    found.close()


def error_of(response: httpx2.Response) -> tuple[int, str]:
    body = response.json()["error"]
    assert set(body) == {"code", "message", "target"}
    return response.status_code, body["code"]


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 400, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "alerts"}, 400, "invalid_scope"),
    ],
)
def test_a_token_is_refused_as_entra_does(sim: Simulated, changes: dict[str, str], status: int, error: str) -> None:
    answer = sim.token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_token_must_be_asked_for_with_a_form(sim: Simulated) -> None:
    assert sim.http.post("/oauth2/token", json={"grant_type": "client_credentials"}).status_code == 400


def test_without_or_with_an_old_token_it_is_401(strict: Simulated) -> None:
    assert error_of(strict.http.get("/api/machines", headers={"Authorization": "Bearer old"})) == (401, "Unauthorized")
    token = strict.token().json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 1)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert strict.http.get(f"/api/machines/{MACHINE}", headers=headers).status_code == 200
    time.sleep(1.05)
    assert error_of(strict.http.get(f"/api/machines/{MACHINE}", headers=headers)) == (401, "Unauthorized")


def test_the_fourth_call_of_a_minute_is_told_when_to_come_again(strict: Simulated) -> None:
    strict.log_in()
    answers = [strict.http.get("/api/alerts") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert error_of(answers[3])[1] == "TooManyRequests"
    assert 0 < int(answers[3].headers["retry-after"]) <= 61


def test_a_repeat_may_answer_with_the_pending_action(strict: Simulated) -> None:
    strict.log_in()
    first, second = strict.isolate(OTHER), strict.isolate(OTHER)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]


def test_an_isolation_goes_from_pending_to_succeeded(sim: Simulated) -> None:
    made = sim.isolate(Comment="[hinomi:kita/1]", IsolationType="Selective")
    assert made.status_code == 201
    action = made.json()
    assert action["status"] == "Pending"
    assert (action["type"], action["scope"], action["requestorComment"]) == ("Isolate", "Selective", "[hinomi:kita/1]")
    assert len(action["creationDateTimeUtc"].partition(".")[2]) == 8
    assert error_of(sim.isolate()) == (400, "ActiveRequestAlreadyExists")
    busy = sim.http.post(f"/api/machines/{MACHINE}/unisolate", json={"Comment": "other way"})
    assert error_of(busy) == (400, "ActiveRequestAlreadyExists")
    done = sim.status(action["id"], "Succeeded")
    assert done["lastUpdateDateTimeUtc"] > done["creationDateTimeUtc"]
    assert sim.door.get("/state").json()["isolated"] == [MACHINE]
    back = sim.http.post(f"/api/machines/{MACHINE}/unisolate", json={"Comment": "lifted"})
    sim.status(back.json()["id"], "Succeeded")
    assert sim.door.get("/state").json()["isolated"] == []


@pytest.mark.parametrize(
    ("call", "body", "code"),
    [
        ("isolate", {"comment": "x", "IsolationType": "Full"}, "MissingRequiredParameter"),
        ("isolate", {"Comment": "x"}, "MissingRequiredParameter"),
        ("isolate", {"Comment": "x", "IsolationType": "full"}, "InvalidInput"),
        ("isolate", {"Comment": "x", "IsolationType": "Full", "Extra": 1}, "InvalidRequestBody"),
        ("runAntiVirusScan", {"Comment": "x", "ScanType": "Deep"}, "InvalidInput"),
        ("StopAndQuarantineFile", {"Comment": "x", "SHA1": "a" * 40}, "MissingRequiredParameter"),
        ("StopAndQuarantineFile", {"Comment": "x", "Sha1": "abc"}, "InvalidHashValue"),
        ("unisolate", {}, "MissingRequiredParameter"),
    ],
)
def test_body_keys_and_values_are_checked_with_their_case(
    sim: Simulated, call: str, body: dict[str, Any], code: str
) -> None:
    assert error_of(sim.http.post(f"/api/machines/{MACHINE}/{call}", json=body)) == (400, code)


def test_the_content_type_is_checked_and_the_path_has_its_case(sim: Simulated) -> None:
    text = sim.http.post(f"/api/machines/{MACHINE}/isolate", content=b"{}", headers={"Content-Type": "text/plain"})
    assert text.status_code == 415
    assert sim.http.post(f"/api/machines/{MACHINE}/Isolate", json={"Comment": "x"}).status_code == 404
    assert sim.http.get(f"/api/machines/{MACHINE}/isolate").status_code == 405


def test_an_unknown_machine_or_action_is_404(sim: Simulated) -> None:
    assert error_of(sim.isolate("nobody")) == (404, "ResourceNotFound")
    assert error_of(sim.http.get("/api/machineactions/none")) == (404, "ResourceNotFound")
    assert sim.http.get("/api/machines/HIGASHI-PC01").json()["id"] == MACHINE


def test_quarantine_and_scan_are_actions_with_their_file_and_scope(sim: Simulated) -> None:
    file = sim.http.post(f"/api/machines/{OTHER}/StopAndQuarantineFile", json={"Comment": "x", "Sha1": "a" * 40}).json()
    scan = sim.http.post(f"/api/machines/{OTHER}/runAntiVirusScan", json={"Comment": "x", "ScanType": "Full"}).json()
    assert file["relatedFileInfo"] == {"fileIdentifier": "a" * 40, "fileIdentifierType": "Sha1"}
    assert (scan["type"], scan["scope"]) == ("RunAntiVirusScan", "Full")
    again = sim.http.post(f"/api/machines/{OTHER}/runAntiVirusScan", json={"Comment": "x", "ScanType": "Quick"})
    assert error_of(again) == (400, "ActiveRequestAlreadyExists")
    for action in (file, scan):
        sim.status(action["id"], "Succeeded")


def test_actions_are_found_by_machine_and_type_but_not_by_comment(sim: Simulated) -> None:
    made = sim.isolate(OTHER).json()
    asked = f"machineId eq '{OTHER}' and type eq 'Isolate' and creationDateTimeUtc ge {made['creationDateTimeUtc']}"
    found = sim.http.get("/api/machineactions", params={"$filter": asked}).json()["value"]
    assert [action["id"] for action in found] == [made["id"]]
    refused = sim.http.get("/api/machineactions", params={"$filter": "requestorComment eq '[tag]'"})
    assert error_of(refused) == (400, "ODataError")
    cancelled = sim.http.post(f"/api/machineactions/{made['id']}/cancel", json={"Comment": "no"})
    assert cancelled.json()["status"] == "Cancelled"
    assert error_of(sim.http.post(f"/api/machineactions/{made['id']}/cancel", json={"Comment": "no"})) == (
        400,
        "BadRequest",
    )


def test_alerts_come_newest_first_capped_and_with_evidence_only_when_expanded(sim: Simulated) -> None:
    base = {
        "machineId": MACHINE,
        "severity": "High",
        "category": "Malware",
        "evidence": [{"entityType": "File", "sha1": "b" * 40}],
    }
    made = sim.door.post("/alerts", json=[base | {"title": str(n)} for n in range(3)]).json()
    listed = sim.http.get("/api/alerts", params={"$top": "2"}).json()
    assert [alert["title"] for alert in listed["value"]] == ["2", "1"]
    assert "@odata.nextLink" not in listed
    assert listed["value"][0]["evidence"] == []
    assert listed["value"][0]["computerDnsName"] == "higashi-pc01"
    asked = {
        "$filter": f"lastUpdateTime gt {made[0]['lastUpdateTime']}",
        "$orderby": "lastUpdateTime asc",
        "$expand": "evidence",
    }
    later = sim.http.get("/api/alerts", params=asked).json()["value"]
    assert [alert["title"] for alert in later] == ["1", "2"]
    assert later[0]["evidence"][0]["sha1"] == "b" * 40
    changed = sim.door.post("/alerts", json={"id": made[0]["id"], "status": "Resolved"}).json()[0]
    assert changed["title"] == "0"
    assert changed["lastUpdateTime"] > made[2]["lastUpdateTime"]


@pytest.mark.parametrize(
    "options",
    [
        {"$filter": "title eq 'x'"},
        {"$filter": "lastUpdateTime gt 'x'"},
        {"$filter": "lastUpdateTime gt 2026-11-21"},
        {"$filter": "status eq New"},
        {"$filter": "status eq 'New' and"},
        {"$filter": "(status eq 'New'"},
        {"$filter": "status like 'N'"},
        {"$orderby": "title"},
        {"$orderby": "status upwards"},
        {"$top": "10001"},
        {"$top": "-1"},
        {"$expand": "machine"},
        {"$select": "id"},
        {"page": "2"},
    ],
)
def test_a_query_that_is_not_on_the_page_is_refused(sim: Simulated, options: dict[str, str]) -> None:
    assert error_of(sim.http.get("/api/alerts", params=options)) == (400, "ODataError")


def test_or_not_in_and_brackets_are_understood(sim: Simulated) -> None:
    sim.door.post("/alerts", json={"id": "low1", "severity": "Low", "status": "Resolved", "machineId": MACHINE})
    for asked in (
        "severity in ('Low','Medium') and status eq 'Resolved'",
        "severity eq 'Low' or category eq 'none'",
        "not (severity eq 'High')",
    ):
        assert [a["id"] for a in sim.http.get("/api/alerts", params={"$filter": asked}).json()["value"]] == ["low1"]


def test_an_offline_machine_leaves_its_action_pending_until_it_is_back(sim: Simulated) -> None:
    sim.door.post("/faults", json={"kind": "offline", "machine": OTHER})
    action = sim.isolate(OTHER).json()["id"]
    time.sleep(0.35)
    assert sim.status(action, "Pending")
    sim.door.delete("/faults")
    sim.status(action, "Succeeded")


def test_a_timeout_after_accepting_leaves_one_action_and_no_answer(sim: Simulated) -> None:
    sim.door.post("/faults", json={"kind": "timeout-after-accept", "action": "Isolate", "times": 1})
    before = len(sim.door.get("/state").json()["actions"])
    with pytest.raises(httpx2.ReadTimeout):
        sim.http.post(f"/api/machines/{MACHINE}/isolate", json={"Comment": "x", "IsolationType": "Full"}, timeout=0.2)
    actions = sim.door.get("/state").json()["actions"]
    assert len(actions) == before + 1
    sim.status(actions[-1]["id"], "Succeeded")
    line = next(entry for entry in sim.entries() if entry.get("action") == actions[-1]["id"])
    assert line["status"] is None


@pytest.mark.parametrize(
    ("fault", "answer"),
    [({"kind": "refuse", "status": 403}, 403), ({"kind": "refuse", "status": 400}, 400), ({"kind": "500"}, 500)],
)
def test_it_refuses_when_told_to_and_takes_nothing_on(sim: Simulated, fault: dict[str, Any], answer: int) -> None:
    sim.door.post("/faults", json=fault | {"action": "Isolate"})
    before = len(sim.door.get("/state").json()["actions"])
    assert sim.isolate().status_code == answer
    assert len(sim.door.get("/state").json()["actions"]) == before
    assert sim.http.get("/api/alerts").status_code == 200


def test_an_action_may_fail_and_an_answer_be_slow(sim: Simulated) -> None:
    sim.door.post("/faults", json=[{"kind": "fail", "times": 1}, {"kind": "slow", "seconds": 0.2, "times": 1}])
    started = time.monotonic()
    action = sim.http.post(f"/api/machines/{OTHER}/runAntiVirusScan", json={"Comment": "x", "ScanType": "Full"}).json()
    assert time.monotonic() - started >= 0.2
    sim.status(action["id"], "Failed")


def test_the_journal_holds_every_request_and_no_secret(sim: Simulated) -> None:
    sim.token()
    sim.http.get("/api/machineactions", params={"$top": "1"})
    entries = sim.entries()
    assert entries == sim.door.get("/journal").json()["entries"]
    assert entries[-2]["body"]["client_secret"] == "…"
    assert "s3cret" not in sim.journal.read_text(encoding="utf-8")
    last = entries[-1]
    assert (last["method"], last["path"], last["query"], last["status"]) == (
        "GET",
        "/api/machineactions",
        "$top=1",
        200,
    )
    assert last["answered_ns"] >= last["received_ns"]


def test_the_control_door_needs_its_secret_and_is_not_on_the_public_port(sim: Simulated) -> None:
    assert sim.door.get("/journal", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert sim.http.get("/journal").status_code == 404
