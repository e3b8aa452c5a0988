"""`rule stats`: hits of a day and of all time, in the caller's subtree only, with what workers have measured."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hinomi.api import keys
from hinomi.api.app import create_app
from hinomi.clock import FakeClock, iso
from hinomi.directory import Directory, Tenant
from hinomi.hits import Hit, RuleInfo
from hinomi.playbooks.incidents import alerts
from hinomi.runtime.parts import build_core, build_deps
from hinomi.settings import Rules, Settings
from hinomi.tenancy import SCOPES, Grant

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
EAST, WEST = "kita/aoba/higashi-es", "kita/aoba/nishi-jhs"
SCHOOLS = Directory(tenants=[Tenant("kita", "北県", "prefecture"), Tenant("kita/aoba", "青葉市", "municipality"), Tenant(EAST, "東小学校", "school"), Tenant(WEST, "西中学校", "school")])  # fmt: skip
RULE = "title: R\nid: r1\nlevel: low\nlogsource: {product: hinomi}\ndetection: {s: {message: x}, condition: s}\n"


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yml").write_text(RULE + "---\n" + RULE.replace("r1", "r2"))
    clock, settings = (
        FakeClock(NOW),
        Settings(data=tmp_path / "data", rules=Rules(shipped=False, folders=(tmp_path / "rules",))),
    )
    core = build_core(settings, clock)
    info = RuleInfo(id="r1", title="R", level="low", hash="h")

    def hit(number: int, tenant: str, moment: datetime) -> Hit:
        return Hit(rule=info, generation=1, event_id=f"e{number}", time=iso(moment), received=iso(moment), tenant=tenant, source="s", entity=f"host:{number}")  # fmt: skip

    hits = [hit(n, EAST, NOW - timedelta(hours=1)) for n in range(3)] + [
        hit(10 + n, WEST, NOW - timedelta(days=3)) for n in range(2)
    ]
    with core.state.write() as conn:
        alerts.record_hits(conn, hits, now=NOW, directory=SCHOOLS, on_change=core.engine.on_incident)
    costs = settings.data / "run" / "costs"
    costs.mkdir(parents=True)
    (costs / "bulk-0.json").write_text(json.dumps({"r1": [0.002, 1000]}))
    (costs / "trusted-0.json").write_text(json.dumps({"r1": [0.004, 1000]}))
    (costs / "torn.json").write_text("{")
    with TestClient(create_app(build_deps(core)), base_url="http://127.0.0.1:8400") as client:

        def run(tenant: str) -> dict[str, Any]:
            with core.state.write() as conn:
                _, secret = keys.create(
                    conn, NOW, Grant("local:t", "", SCOPES), name="k", scopes=["read"], tenant=tenant, days=1
                )
            answer = client.get("/api/v1/rules/stats", headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == 200, answer.text
            return {row["id"]: row for row in answer.json()["items"]}

        yield run
    core.state.close()


def test_hits_of_a_day_and_of_all_time_with_the_last_and_the_cost(ask: Any) -> None:
    rows = ask("")
    assert (rows["r1"]["hits_24h"], rows["r1"]["hits"], rows["r1"]["tenants"]) == (3, 5, 2)
    assert rows["r1"]["last_seen"] == iso(NOW - timedelta(hours=1))
    assert (rows["r1"]["cost_us"], rows["r1"]["measured"]) == (3.0, 2000)
    assert (rows["r2"]["hits"], rows["r2"]["last_seen"], rows["r2"]["cost_us"]) == (0, None, None)


def test_a_school_counts_its_own_hits_only(ask: Any) -> None:
    assert (ask(EAST)["r1"]["hits"], ask(WEST)["r1"]["hits"], ask(WEST)["r1"]["hits_24h"]) == (3, 2, 0)
    assert ask("minami")["r1"]["hits"] == 0
