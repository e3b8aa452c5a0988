"""Who may call what: every route the application has, without a key, with the wrong one, and from another school.

The routes are asked of the application itself, so a new one is in here by itself; bodies are made from its OpenAPI.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hinomi import directory
from hinomi.api import keys
from hinomi.api.app import create_app
from hinomi.clock import FakeClock, iso
from hinomi.directory import Device, Directory, Person, Tenant
from hinomi.hits import Hit, RuleInfo
from hinomi.playbooks.incidents import alerts
from hinomi.runtime.parts import build_core, build_deps
from hinomi.settings import Settings
from hinomi.tenancy import SCOPES, Grant

NOW = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)
EAST, WEST = "kita/aoba/higashi-es", "kita/aoba/nishi-jhs"
EVIL = "<script>alert(1)</script>"
ROOT = Grant("local:test", "", SCOPES)
PEOPLE = Directory(
    tenants=[Tenant("kita", "北県", "prefecture"), Tenant("kita/aoba", "青葉市", "municipality"), Tenant(EAST, "東小学校", "school"), Tenant(WEST, "西中学校", "school")],
    people=[Person("t01", EAST, "髙橋 花子", "teacher", mail="t01@example.jp"), Person("o1", "", "監視 三郎", "operator", mail="o@example.jp")],
    devices=[Device("dev-1", EAST, "dev-1", "KT-1", "t01", vendors={"defender": "m1"})],
)  # fmt: skip
#: What answers without a key: whether it runs, and what its interface is.
OPEN = {"/api/v1/health", "/openapi.json", "/docs"}


@dataclass
class Site:
    app: FastAPI
    client: TestClient
    clock: FakeClock
    core: Any
    ids: dict[str, str]

    def made(self, *scopes: str, tenant: str = "", made: datetime = NOW) -> tuple[str, dict[str, str]]:
        """Return a key that holds for a day: its id, and the header that shows it."""
        with self.core.state.write() as conn:
            key_id, secret = keys.create(conn, made, ROOT, name="k", scopes=scopes, tenant=tenant, days=1)
        return key_id, {"Authorization": f"Bearer {secret}"}

    def key(self, *scopes: str, tenant: str = "") -> dict[str, str]:
        return self.made(*scopes, tenant=tenant)[1]

    def calls(self) -> Iterator[tuple[str, str, Any]]:
        """Yield (method, path with real ids, valid body) of every route that needs a key."""
        schema = self.app.openapi()
        for template, verbs in schema["paths"].items():
            if template in OPEN or not (template.startswith("/api/") or template == "/metrics"):
                continue
            for method, operation in verbs.items():
                path = template
                for parameter in operation.get("parameters", ()):
                    if parameter["in"] == "path":
                        choice = parameter["schema"].get("enum", [self.ids.get(template.split("/")[3], "1")])[0]
                        path = path.replace("{" + parameter["name"] + "}", str(choice))
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
                yield method.upper(), path, self._sample(schema, body) if body else None

    def _sample(self, schema: dict[str, Any], part: dict[str, Any], name: str = "") -> Any:
        if ref := part.get("$ref"):
            part = schema["components"]["schemas"][ref.rpartition("/")[2]]
        if "anyOf" in part:
            part = part["anyOf"][0]
            return self._sample(schema, part, name)
        if "enum" in part:
            return part["enum"][0]
        kind = part.get("type")
        if kind == "array":
            return [1] if part.get("items", {}).get("type") == "integer" else [self.ids["alerts"]]
        if kind == "object":
            return {
                key: self._sample(schema, value, key)
                for key, value in part.get("properties", {}).items()
                if key in part.get("required", ())
                or key in ("reason", "ids", "text", "choice", "into", "assignee", "alerts", "disposition")
            }
        return {"boolean": True, "integer": 1, "number": 1}.get(str(kind), "test")

    def ask(self, call: tuple[str, str, Any], headers: dict[str, str]) -> Any:
        method, path, body = call
        return self.client.request(method, path, json=body, headers=headers)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    clock = FakeClock(NOW)
    core = build_core(Settings(data=tmp_path_factory.mktemp("api") / "data"), clock)
    rule = RuleInfo(id="r1", title=EVIL, level="critical", hash="h", category="malware", contain="never")
    hit = Hit(
        rule=rule, generation=1, event_id="e1", time=iso(NOW), received=iso(NOW), tenant=EAST, source="s", entity="host:dev-1", host="dev-1",
        host_known=True, user="t01", event={"@timestamp": iso(NOW), "event.id": "e1", "message": EVIL},
    )  # fmt: skip
    with core.state.write() as conn:
        directory.save(conn, PEOPLE, "local:test", NOW)
        recorded = alerts.record_hits(conn, [hit], now=NOW, directory=PEOPLE, on_change=core.engine.on_incident)
    app = create_app(build_deps(core))
    ids = {"alerts": recorded.alerts[0], "incidents": recorded.incidents[0], "hosts": "dev-1", "keys": "none"}
    with TestClient(app, base_url="http://127.0.0.1:8400", raise_server_exceptions=False) as client:
        yield Site(app, client, clock, core, ids)
    core.state.close()


def test_there_are_routes_to_ask(site: Site) -> None:
    assert len(list(site.calls())) > 35


def test_without_a_valid_key_nothing_answers(site: Site) -> None:
    _, expired = site.made(*SCOPES, made=NOW - timedelta(days=2))
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}, expired):
        answers = {(call[0], call[1]): site.ask(call, headers).status_code for call in site.calls()}
        assert {call: status for call, status in answers.items() if status != 401} == {}


def test_a_key_for_ingest_reads_and_does_nothing(site: Site) -> None:
    headers = site.key("ingest")
    answers = {(call[0], call[1]): site.ask(call, headers) for call in site.calls()}
    assert {call: answer.text for call, answer in answers.items() if answer.status_code != 403} == {}
    assert all("hint" in answer.json() for answer in answers.values())


def test_a_key_that_reads_does_not_act(site: Site) -> None:
    headers = site.key("read")
    reading = ("/search", "/count", "/hunts", "/simulate")
    acts = [call for call in site.calls() if call[0] != "GET" and not call[1].endswith(reading)]
    assert len(acts) > 15
    answers = {(call[0], call[1]): site.ask(call, headers) for call in acts}
    assert {call: answer.text for call, answer in answers.items() if answer.status_code not in (403, 404)} == {}
    assert sum(answer.status_code == 403 for answer in answers.values()) > 10


def test_another_school_sees_nothing_and_is_told_nothing(site: Site) -> None:
    headers = site.key("read", "act", "audit", "admin", tenant=WEST)
    for call in site.calls():
        answer = site.ask(call, headers)
        named = any(value in call[1] for value in site.ids.values() if value != "none")
        if named:
            assert answer.status_code == 404, f"{call}: {answer.status_code} {answer.text}"
        assert answer.status_code < 500, f"{call}: {answer.text}"
        assert EAST not in answer.text, f"{call}: {answer.text}"
        assert EVIL not in answer.text


def test_its_own_school_sees_them(site: Site) -> None:
    for tenant in (EAST, "kita/aoba", "kita", ""):
        headers = site.key("read", tenant=tenant)
        assert [item["id"] for item in site.client.get("/api/v1/alerts", headers=headers).json()["items"]] == [
            site.ids["alerts"]
        ]
        assert site.client.get(f"/api/v1/incidents/{site.ids['incidents']}", headers=headers).status_code == 200


def test_a_revoked_key_is_refused_at_once(site: Site) -> None:
    key_id, headers = site.made("read")
    assert site.client.get("/api/v1/alerts", headers=headers).status_code == 200
    gone = site.client.request("DELETE", f"/api/v1/keys/{key_id}", headers=site.key("admin"), json={"reason": "test"})
    assert gone.status_code == 200
    answer = site.client.get("/api/v1/alerts", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_answers_carry_strict_headers_and_errors_say_what_to_do(site: Site) -> None:
    headers = site.key("read")
    good = site.client.get("/api/v1/alerts", headers=headers)
    assert good.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in good.headers["content-security-policy"]
    assert site.client.get("/api/v1/alerts?limit=99999999", headers=headers).status_code in (200, 400)
    assert site.client.get("/api/v1/alerts?cursor=nonsense", headers=headers).status_code == 400
    missing = site.client.get("/api/v1/incidents/4711", headers=headers)
    assert missing.status_code == 404
    assert missing.json()["hint"]


def test_the_documentation_needs_no_other_host(site: Site) -> None:
    page = site.client.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text.replace("http://127.0.0.1", "")
    assert "https://" not in page.text
