"""A drill's pages say so, all of them; and a drill that was held is one record of the live audit."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from starlette.testclient import TestClient

from hinomi.api import keys
from hinomi.api.app import create_app
from hinomi.api.auth import local_caller
from hinomi.api.exercise import marked
from hinomi.runtime.parts import build_core, build_deps
from hinomi.settings import Drill, Settings
from hinomi.state import t

HELD = {
    "flow": "external", "tenant": "kita/aoba/higashi-es", "began_at": "2026-11-25T03:00:00Z", "ended_at": "2026-11-25T03:20:00Z",
    "ended_by": "finished", "played_by": "auto", "total": 12, "in_time": 10, "late": 1, "never": 1, "sheet_sha256": "ab" * 32,
}  # fmt: skip


def app_of(folder: Path, *, drill: bool, local: bool = True) -> tuple[FastAPI, Any]:
    core = build_core(Settings(data=folder))
    settings = core.settings.model_copy(update={"drill": Drill(on=drill)})
    deps = dataclasses.replace(build_deps(core), settings=settings)
    return create_app(deps, local=local_caller("test") if local else None), core


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app, core = app_of(tmp_path_factory.mktemp("drill") / "data", drill=True)

    @app.get("/somebody-elses")
    def page() -> HTMLResponse:
        return HTMLResponse("<html><head><title>A</title></head><BODY class='x'><p>text</p></BODY></html>")

    with TestClient(app) as client:
        yield client
    core.state.close()


@pytest.mark.parametrize("path", ["/r/nonsense", "/f/nonsense", "/p/nonsense", "/somebody-elses"])
def test_every_page_of_a_drill_says_so_first_of_all(drill: TestClient, path: str) -> None:
    answer = drill.get(path)
    assert answer.headers["hinomi-drill"] == "yes"
    assert "<title>【訓練】" in answer.text
    body = answer.text.lower().index("<body")
    assert answer.text.index("これは訓練です", body) < answer.text.index("<", answer.text.index("</div>", body) + 6)
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.text.endswith("</html>") or answer.text.endswith("</html>\n")


def test_its_other_answers_are_what_they_were_with_a_mark_in_the_header(drill: TestClient) -> None:
    answer = drill.get("/api/v1/incidents")
    assert answer.json() == {"items": [], "cursor": None}
    assert answer.headers["hinomi-drill"] == "yes"
    assert ".drill {" in drill.get("/static/pages.css").text


def test_a_page_without_a_body_is_marked_too() -> None:
    assert "これは訓練です" in marked("hello")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[TestClient, Any]]:
    app, core = app_of(tmp_path / "data", drill=False)
    with TestClient(app) as client:
        yield client, core
    core.state.close()


def test_without_a_drill_nothing_is_marked(live: tuple[TestClient, Any]) -> None:
    answer = live[0].get("/r/nonsense")
    assert "hinomi-drill" not in answer.headers
    assert "訓練" not in answer.text


def test_a_drill_is_one_record_of_the_live_audit(live: tuple[TestClient, Any]) -> None:
    client, core = live

    def everything() -> dict[str, Any]:
        with core.state.read() as conn:
            return {table.name: conn.execute(select(table)).all() for table in t.metadata.sorted_tables}

    before = everything()
    answer = client.post("/api/v1/drills", json=HELD)
    after = everything()
    assert (answer.status_code, answer.json()) == (201, {"recorded": len(after["audit"])})
    assert {name for name in after if after[name] != before[name]} == {"audit"}
    record = json.loads(after["audit"][-1].record)
    assert (record["act"], record["actor"], record["tenant"]) == ("drill.held", "local:test", HELD["tenant"])
    assert record["detail"] == {name: value for name, value in HELD.items() if name != "tenant"}


def test_who_may_not_act_for_the_school_notes_no_drill(tmp_path: Path) -> None:
    app, core = app_of(tmp_path / "data", drill=False, local=False)
    grant = local_caller("test").grant
    with core.state.write() as conn:
        now = core.clock.now()
        made = [keys.create(conn, now, grant, name="k", scopes=["read", *more], tenant=tenant)[1]
                for more, tenant in (([], ""), (["act"], "kita/aoba/nishi-jhs"), (["act"], "kita/aoba"))]  # fmt: skip
    with TestClient(app) as client:
        answers = [client.post("/api/v1/drills", json=HELD, headers={"Authorization": f"Bearer {key}"}) for key in made]
    core.state.close()
    assert [answer.status_code for answer in answers] == [403, 403, 201]
