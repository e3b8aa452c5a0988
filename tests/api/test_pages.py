"""The pages behind the links of messages, over a real application, state store and engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from hinomi import directory
from hinomi.api.routes import pages
from hinomi.api.web.common import form_key
from hinomi.clock import FakeClock, iso
from hinomi.directory import Device, Directory, Person, Tenant
from hinomi.links import Links
from hinomi.playbooks.engine import Engine
from hinomi.reports import forms
from hinomi.reports.builder import Builder
from hinomi.settings import Settings
from hinomi.state import State, t

NOW = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)
SCHOOL = "kita/aoba/higashi-es"
PEOPLE = Directory(
    tenants=[Tenant("kita/aoba", "青葉市", "municipality"), Tenant(SCHOOL, "東小学校", "school")],
    people=[
        Person("t01", SCHOOL, "髙橋 花子", "teacher", mail="t01@example.jp"),
        Person("p01", SCHOOL, "𠮷田 一郎", "principal", mail="p01@example.jp"),
    ],
    devices=[Device("dev-0012", SCHOOL, "HES-PC-012", "KT-0012", "t01")],
)


@dataclass
class Site:
    client: TestClient
    state: State
    links: Links
    clock: FakeClock
    builder: Builder
    pokes: list[int] = field(default_factory=list)

    def link(self, purpose: str, id: str) -> str:
        return f"/{ {'receipt': 'r', 'form': 'f', 'report': 'p'}[purpose] }/{self.links.make(purpose, id)}"

    def post(self, link: str, **fields: Any) -> Any:
        page = self.client.get(link).text
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
        return self.client.post(link, data={"csrf": found.group(1) if found else "", **fields})

    def row(self, table: Any, id: str) -> Any:
        with self.state.read() as conn:
            return conn.execute(select(table).where(table.c.id == id)).one()

    def everything(self) -> dict[str, Any]:
        with self.state.read() as conn:
            return {table.name: conn.execute(select(table)).all() for table in t.metadata.sorted_tables}


def _fill(state: State) -> None:
    after = [iso(NOW + timedelta(minutes=m)) for m in range(61)]
    wait = {
        "incident": "inc1",
        "tenant": SCHOOL,
        "kind": "receipt",
        "opened_at": after[0],
        "due_at": after[30],
        "remind_at": [],
        "state": "open",
    }
    with state.write() as conn:
        directory.save(conn, PEOPLE, "local:test", NOW)
        conn.execute(insert(t.incident).values(
            id="inc1", number=12, tenant=SCHOOL, entity="host:dev-0012", host="dev-0012", user="t01", category="malware", cause="external",
            severity="critical", title="<script>alert(1)</script>", title_ja="<b>不審</b>", facts={"files": ["secret.docm"]},
            opened_at=after[0], detected_at=after[0], last_alert_at=after[0], updated_at=after[0],
        ))  # fmt: skip
        conn.execute(insert(t.wait).values(id="w3", role="teacher", flow=3, text="隔離メッセージの受領", **wait))
        conn.execute(
            insert(t.wait).values(id="w4", role="school_management", flow=4, text="一次対応報告の受領", **wait)
        )
        conn.execute(insert(t.receipt).values(id="rc3", wait="w3", person="t01", role="teacher", sent_at=after[1]))
        conn.execute(
            insert(t.receipt).values(id="rc4", wait="w4", person="p01", role="school_management", sent_at=after[1])
        )
        conn.execute(
            insert(t.device_state).values(device="dev-0012", state="isolated", observed_at=after[2], vendor="defender")
        )


@pytest.fixture
def site(tmp_path: Path, database: str) -> Iterator[Site]:
    settings = Settings.model_validate({"data": tmp_path, "playbooks": {"shipped": False}, "state": {"url": database}})
    state = State(settings.state_url)
    state.migrate()
    _fill(state)
    links, clock, builder = Links(tmp_path), FakeClock(NOW + timedelta(minutes=5)), Builder(settings, state)
    engine = Engine(settings, links, directory.load, {}, {}, builder)
    app = FastAPI()
    app.include_router(pages.router)
    pokes: list[int] = []
    app.state.deps = SimpleNamespace(
        settings=settings, state=state, clock=clock, links=links, engine=engine, poke=lambda: pokes.append(1)
    )
    with TestClient(app) as client:
        yield Site(client, state, links, clock, builder, pokes)
    state.close()


def open_report(site: Site, kind: str = "first_response", role: str = "teacher") -> str:
    with site.state.write() as conn:
        return forms.open_report(
            conn, incident="inc1", kind=kind, now=NOW, author_role=role, due_at=iso(NOW + timedelta(hours=1))
        )


def test_opening_a_receipt_changes_nothing_but_when_it_was_opened(site: Site) -> None:
    link = site.link("receipt", "rc3")
    before = site.everything()
    answer = site.client.get(link)
    assert answer.status_code == 200
    for said in ("隔離メッセージ", "東小学校", "KT-0012", "受領しました", "電源は切らないで", "隔離済み"):
        assert said in answer.text
    after = site.everything()
    assert {name for name in before if before[name] != after[name]} == {"receipt"}
    receipt = site.row(t.receipt, "rc3")
    assert receipt.opened_at == iso(site.clock.now())
    assert receipt.received_at is None
    site.clock.advance(minutes=1)
    site.client.get(link)
    assert site.everything() == after


def test_the_button_counts_once(site: Site) -> None:
    """Row 21 of the faults: a link used twice."""
    link = site.link("receipt", "rc3")
    first = site.post(link)
    assert "✓ 受領しました" in first.text
    assert site.row(t.wait, "w3").state == "done"
    assert site.pokes
    after = site.everything()
    page = site.client.get(link).text
    site.clock.advance(minutes=10)
    token = link.rpartition("/")[2]
    again = site.client.post(link, data={"csrf": form_key(token)})
    assert again.status_code == 200
    assert "受領済み" in again.text
    assert "11時05分00秒" in again.text
    assert "<button" not in page
    assert site.everything() == after


@pytest.mark.parametrize("data", [{}, {"csrf": "0" * 64}, {"csrf": "あ"}])
def test_a_post_without_the_pages_own_key_is_refused(site: Site, data: dict[str, str]) -> None:
    answer = site.client.post(site.link("receipt", "rc3"), data=data)
    assert answer.status_code == 403
    assert "text/html" in answer.headers["content-type"]
    assert site.row(t.receipt, "rc3").received_at is None


def test_a_post_from_another_site_is_refused(site: Site) -> None:
    link = site.link("receipt", "rc3")
    key = form_key(link.rpartition("/")[2])
    answer = site.client.post(link, data={"csrf": key}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/r/nonsense", "/f/nonsense", "/p/nonsense", "/p/nonsense/pdf", "/f/nonsense/pdf"])
def test_a_link_that_is_not_ours_gives_a_page_that_says_what_to_do(site: Site, path: str) -> None:
    answer = site.client.get(path)
    assert answer.status_code == 403
    assert "このリンクは使えません" in answer.text
    assert "再送" in answer.text


def test_a_link_of_another_purpose_or_of_something_gone_opens_nothing(site: Site) -> None:
    token = site.links.make("receipt", "rc3")
    assert site.client.get(f"/f/{token}").status_code == 403
    for purpose in ("receipt", "form", "report"):
        answer = site.client.get(site.link(purpose, "no-such:x"))
        assert answer.status_code == 404
        assert "見つかりません" in answer.text


def test_pages_carry_strict_headers_and_nothing_from_elsewhere(site: Site) -> None:
    for answer in (site.client.get(site.link("receipt", "rc3")), site.client.get("/r/nonsense")):
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert '<html lang="ja">' in answer.text
        assert not re.search(r'(src|href)="(https?:)?//', answer.text)
        assert "<script" not in answer.text
        assert " style=" not in answer.text
    css = site.client.get("/static/pages.css")
    assert css.headers["content-type"].startswith("text/css")
    assert site.client.get("/static/..%2f__init__.py").status_code == 404


def test_pages_show_no_personal_or_file_names(site: Site) -> None:
    report = open_report(site)
    for link in (site.link("receipt", "rc3"), site.link("form", f"{report}:t01"), site.link("report", f"{report}:rc4")):
        text = site.client.get(link).text
        assert "髙橋" not in text
        assert "secret.docm" not in text


def test_a_form_keeps_a_draft_and_is_submitted_once(site: Site) -> None:
    report = open_report(site)
    link = site.link("form", f"{report}:t01")
    page = site.client.get(link).text
    for question in forms.fields_for("first_response"):
        assert f'name="{question.name}"' in page
        assert question.label in page
    saved = site.post(
        link, act="save", whole="1", how="警告が<b>出た</b>", actions=["電源を切らずに置いた", "管理職に連絡した"]
    )
    assert "下書きを保存しました" in saved.text
    assert "警告が&lt;b&gt;出た" in saved.text
    assert site.row(t.report, report).fields == {
        "how": "警告が<b>出た</b>",
        "actions": ["電源を切らずに置いた", "管理職に連絡した"],
    }
    assert site.row(t.report, report).state == "draft"
    site.post(link, act="save", whole="1", how="", found_at="2026-11-24T11:02")
    assert site.row(t.report, report).fields == {"found_at": "2026-11-24T02:02:00.000000Z"}
    assert 'value="2026-11-24T11:02"' in site.client.get(link).text

    answers = {"how": "電話で知った", "symptom": "調査中", "actions": ["不明"], "act": "submit"}
    done = site.post(link, **answers)
    assert "✓ 提出しました" in done.text
    row = site.row(t.report, report)
    assert (row.state, row.author) == ("submitted", "person:t01")
    after = site.everything()
    assert "提出済み" in site.client.get(link).text
    key = form_key(link.rpartition("/")[2])
    assert "提出済み" in site.client.post(link, data={"csrf": key, **answers, "how": "別の答え"}).text
    assert site.everything() == after


def test_what_is_missing_is_named_and_what_was_written_is_not_lost(site: Site) -> None:
    report = open_report(site)
    link = site.link("form", f"{report}:t01")
    answer = site.post(link, act="submit", whole="1", how="電話で知った", spread="たぶん", photos="なし")
    assert answer.status_code == 422
    assert "「他端末への波及」" in answer.text
    assert "電話で知った" in answer.text
    assert site.row(t.report, report).fields == {"how": "電話で知った", "photos": "なし"}
    again = site.post(link, act="submit", whole="1", how="電話で知った")
    for label in ("症状・表示メッセージ", "実施した初動"):
        assert f"「{label}」を記入してください" in again.text
    assert 'href="#q-symptom"' in again.text
    assert site.row(t.report, report).state == "draft"


def test_opening_a_form_changes_nothing(site: Site) -> None:
    report = open_report(site)
    before = site.everything()
    site.client.get(site.link("form", f"{report}:t01"))
    assert site.everything() == before


def test_only_those_who_are_asked_may_fill_in(site: Site) -> None:
    report = open_report(site)
    link = site.link("form", f"{report}:p01")
    assert "<form" not in site.client.get(link).text
    key = form_key(link.rpartition("/")[2])
    assert site.client.post(link, data={"csrf": key, "act": "save", "how": "x"}).status_code == 403
    assert site.row(t.report, report).fields == {}


def test_answers_of_the_first_report_stand_in_the_next_ones_form(site: Site) -> None:
    first = open_report(site)
    site.post(
        site.link("form", f"{first}:t01"), act="submit", how="電話で知った", symptom="なし", actions="何もしていない"
    )
    second = open_report(site, "infection", "school_management")
    link = site.link("form", f"{second}:p01")
    page = site.client.get(link).text
    assert "電話で知った" in page
    assert "一次対応報告の記入を表示しています" in page
    site.post(link, act="save", whole="1", how="電話で知った", contact="03-0000-0000")
    assert site.row(t.report, second).fields == {"contact": "03-0000-0000"}


def test_a_form_too_large_is_refused(site: Site) -> None:
    report = open_report(site)
    answer = site.post(site.link("form", f"{report}:t01"), act="save", how="あ" * 100_000)
    assert answer.status_code == 400
    answer = site.post(site.link("form", f"{report}:t01"), act="save", how="あ" * 9_000)
    assert answer.status_code == 422
    assert "8000文字以内" in answer.text


def test_a_report_is_read_and_received(site: Site) -> None:
    report = open_report(site)
    built = site.builder.build(report, site.clock.now())
    with site.state.write() as conn:
        values = {"path": built.path, "sha256": built.sha256, "state": "sent", "sent_at": iso(site.clock.now())}
        conn.execute(t.report.update().where(t.report.c.id == report).values(**values))
    link = site.link("report", f"{report}:rc4")
    page = site.client.get(link)
    assert "作成者の記入がない報告です" in page.text
    assert built.sha256 in page.text
    pdf = site.client.get(f"{link}/pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-type"] == "application/pdf"
    assert site.row(t.receipt, "rc4").received_at is None
    assert "✓ 受領しました" in site.post(link).text
    assert "受領済み" in site.client.get(link).text
    assert site.row(t.wait, "w4").state == "done"

    Path(built.path).write_bytes(pdf.content + b"%changed")
    assert site.client.get(f"{link}/pdf").status_code == 500


def test_a_report_sent_without_its_author_can_still_be_submitted(site: Site) -> None:
    report = open_report(site)
    with site.state.write() as conn:
        conn.execute(t.report.update().where(t.report.c.id == report).values(state="sent", sent_at=iso(NOW)))
    link = site.link("form", f"{report}:t01")
    assert "未記入のまま送付されています" in site.client.get(link).text
    site.post(link, act="submit", how="a", symptom="b", actions="不明")
    row = site.row(t.report, report)
    assert (row.state, row.rev) == ("submitted", 2)
