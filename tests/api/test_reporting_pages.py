"""The pages on which school staff report and decide, and the API beside them: over a real application, store and engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from hinomi import directory
from hinomi.api import keys
from hinomi.api.app import create_app
from hinomi.api.web.common import form_key
from hinomi.clock import FakeClock
from hinomi.directory import Device, Directory, Person, Tenant
from hinomi.playbooks.engine import rows
from hinomi.runtime.parts import build_core, build_deps
from hinomi.settings import Settings
from hinomi.state import t
from hinomi.tenancy import SCOPES, Grant

NOW = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)
SCHOOL, OTHER = "kita/aoba/higashi-es", "kita/aoba/nishi-jhs"
ROOT = Grant("local:test", "", SCOPES)
INTUNE = {
    "base_url": "http://127.0.0.1:9",
    "token_url": "http://127.0.0.1:9/token",
    "client_id": "a",
    "client_secret": "s",
}
PEOPLE = Directory(
    tenants=[
        Tenant("kita", "北県", "prefecture"), Tenant("kita/aoba", "青葉市", "municipality"),
        Tenant(SCHOOL, "東小学校", "school"), Tenant(OTHER, "西中学校", "school"),
    ],
    people=[
        Person("t01", SCHOOL, "髙橋 花子", "teacher", mail="t01@example.jp"),
        Person("p01", SCHOOL, "𠮷田 一郎", "principal", mail="p01@example.jp"),
        Person("p02", SCHOOL, "佐藤 二", "vice_principal", mail="p02@example.jp"),
        Person("b01", "kita/aoba", "辻 次郎", "board", mail="b01@example.jp"),
        Person("p09", OTHER, "西 校長", "principal", mail="p09@example.jp"),
    ],
    devices=[
        Device("dev-0012", SCHOOL, "HES-PC-012", "KT-0012", "t01", vendors={"intune": "m12"}),
        Device("dev-0099", OTHER, "NJH-PC-099", "KT-0099", "p09"),
    ],
)  # fmt: skip
LOST = {
    "kind": "端末の紛失・盗難",
    "device": "kt-0012",
    "what": "帰宅の電車に置き忘れた",
    "occurred_at": "2026-11-24T08:30",
}
API = {"cause": "internal", "kind": "lost_device", "reported_by": "t01"}


@dataclass
class Site:
    client: TestClient
    core: Any
    clock: FakeClock

    def link(self, purpose: str, id: str) -> str:
        return f"/{ {'open': 'i', 'decide': 'd'}[purpose] }/{self.core.links.make(purpose, id)}"

    def post(self, link: str, **fields: Any) -> Any:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.client.get(link).text)
        return self.client.post(link, data={"csrf": found.group(1) if found else "", **fields})

    def rows(self, table: Any, **values: Any) -> list[Any]:
        with self.core.state.read() as conn:
            return rows.find(conn, table, **values)

    def everything(self) -> dict[str, Any]:
        with self.core.state.read() as conn:
            return {table.name: conn.execute(select(table)).all() for table in t.metadata.sorted_tables}

    def key(self, *scopes: str, tenant: str = "") -> dict[str, str]:
        with self.core.state.write() as conn:
            _, secret = keys.create(conn, NOW, ROOT, name="k", scopes=scopes, tenant=tenant, days=1)
        return {"Authorization": f"Bearer {secret}"}

    def wait(self, text: str) -> str:
        (found,) = [wait for wait in self.rows(t.wait, state="open") if text in wait["text"]]
        return str(found["id"])

    def lose(self) -> None:
        """A teacher reports the loss; the flow is live."""
        with self.core.state.write() as conn:
            self.core.engine.activate(conn, "internal-lost-device", "live", ROOT, "test", NOW)
        assert self.post(self.link("open", "t01"), **LOST).status_code == 200


@pytest.fixture
def site(tmp_path: Path, database: str) -> Iterator[Site]:
    clock = FakeClock(NOW)
    settings = Settings.model_validate(
        {"data": tmp_path / "data", "vendors": {"intune": INTUNE}, "state": {"url": database}}
    )
    core = build_core(settings, clock)
    with core.state.write() as conn:
        directory.save(conn, PEOPLE, "local:test", NOW)
    with TestClient(create_app(build_deps(core)), base_url="http://127.0.0.1:8400") as client:
        yield Site(client, core, clock)
    core.state.close()


# --- reporting on the page ------------------------------------------------------------------------------


def test_opening_the_page_shows_the_own_pc_and_changes_nothing(site: Site) -> None:
    before = site.everything()
    page = site.client.get(site.link("open", "t01"))
    assert page.status_code == 200
    for said in ("紛失・盗難、誤送信の報告", "東小学校", 'value="KT-0012"', "端末の紛失・盗難", "誤送信", "報告する"):
        assert said in page.text
    for never in ("髙橋", "<script", " style=", "西中学校"):
        assert never not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert site.everything() == before


def test_the_button_opens_the_incident_once_and_says_what_to_do(site: Site) -> None:
    link = site.link("open", "t01")
    page = site.post(link, **LOST)
    assert page.status_code == 200
    for said in ("報告を受け付けました", "事案番号 1", "KT-0012", "警察へ遺失届", "令和8年11月24日"):
        assert said in page.text
    assert "髙橋" not in page.text
    assert "自動の連絡は行われていません" in page.text  # no playbook is live: nobody is told
    again = site.post(link, **LOST)
    assert "すでに受け付けています" in again.text
    (incident,) = site.rows(t.incident)
    assert (incident["category"], incident["cause"], incident["tenant"], incident["host"]) == (
        "lost_device",
        "internal",
        SCHOOL,
        "dev-0012",
    )
    assert incident["facts"]["occurred_at"] == "2026-11-23T23:30:00.000000Z"
    assert incident["facts"]["what"] == "帰宅の電車に置き忘れた"
    assert site.rows(t.timeline, kind="opened")[0]["actor"] == "person:t01"


def test_where_a_flow_is_live_the_page_does_not_say_that_nobody_is_told(site: Site) -> None:
    site.lose()
    assert "自動の連絡は行われていません" not in site.post(site.link("open", "t01"), **LOST).text


def test_a_mis_sent_message_needs_no_device(site: Site) -> None:
    page = site.post(site.link("open", "p01"), kind="メール・チャットなどの誤送信", what="別の保護者へ送った")
    assert "送信の取り消しができるとき" in page.text
    (incident,) = site.rows(t.incident)
    assert (incident["category"], incident["host"], incident["user"]) == ("missent", None, "p01")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": ""}, "「起きたこと」を記入してください"),
        ({"kind": "不明"}, "「起きたこと」を選んでください"),
        ({"what": "  "}, "「状況」を記入してください"),
        ({"device": "KT-0099"}, "端末を特定できません"),
        ({"device": "nowhere"}, "端末を特定できません"),
        ({"occurred_at": "2026-11-25T08:30"}, "いまより先"),
        ({"occurred_at": "昨日"}, "日時を"),
        ({"what": "あ" * 9000}, "8000文字以内"),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_nothing_that_was_written_is_lost(
    site: Site, changed: dict[str, str], said: str
) -> None:
    page = site.post(site.link("open", "t01"), **{**LOST, **changed})
    assert page.status_code == 422
    assert said in page.text
    for name in {"what", "device"} - set(changed):
        assert LOST[name] in page.text
    assert site.rows(t.incident) == []


def test_only_a_signed_link_of_somebody_who_is_still_there_opens_the_page(site: Site) -> None:
    assert site.client.get("/i/nonsense").status_code == 403
    assert site.client.get(f"/i/{site.core.links.make('receipt', 't01')}").status_code == 403
    assert site.client.get(site.link("open", "gone")).status_code == 404
    assert site.client.post(site.link("open", "t01"), data=LOST).status_code == 403
    assert site.rows(t.incident) == []


# --- the API --------------------------------------------------------------------------------------------


def test_the_api_opens_and_joins_and_asks_for_the_scope_and_the_school(site: Site) -> None:
    acting = site.key("act", tenant=SCHOOL)
    made = site.client.post(
        "/api/v1/incidents", json={**API, "device": "dev-0012", "occurred_at": "2h", "title": "紛失"}, headers=acting
    )
    assert made.status_code == 201
    body = made.json()
    assert (body["number"], body["opened"], body["category"], body["severity"]) == (1, True, "lost_device", "high")
    again = site.client.post("/api/v1/incidents", json={**API, "device": "KT-0012"}, headers=acting).json()
    assert (again["id"], again["opened"]) == (body["id"], False)
    refused = [
        (site.key("read"), API, 403),
        ({}, API, 401),
        (site.key("act", tenant=OTHER), API, 404),
        (acting, {**API, "cause": "external"}, 400),
        (acting, {**API, "kind": "fire"}, 400),
        (acting, {**API, "more": 1}, 400),
        (acting, {**API, "occurred_at": "yesterday"}, 400),
        (acting, {**API, "device": "dev-0099"}, 404),
    ]
    for headers, sent, status in refused:
        assert site.client.post("/api/v1/incidents", json=sent, headers=headers).status_code == status, sent
    assert len(site.rows(t.incident)) == 1


def test_a_persons_link_is_made_by_those_who_may_act_there_and_is_audited(site: Site) -> None:
    made = site.client.post("/api/v1/incidents/links", json={"person": "t01"}, headers=site.key("act", tenant=SCHOOL))
    assert made.status_code == 201
    path = made.json()["url"].removeprefix("http://127.0.0.1:8400")
    assert site.client.get(path).status_code == 200
    for headers, status in ((site.key("read"), 403), (site.key("act", tenant=OTHER), 404)):
        assert (
            site.client.post("/api/v1/incidents/links", json={"person": "t01"}, headers=headers).status_code == status
        )
    records = site.client.get("/api/v1/audit/records", headers=site.key("audit")).json()["items"]
    assert [record["object"] for record in records if record["act"] == "link.make"] == ["person:t01"]


# --- deciding on the page -------------------------------------------------------------------------------


def test_a_manager_judges_on_the_page_and_the_flow_goes_on(site: Site) -> None:
    site.lose()
    link = site.link("decide", f"{site.wait('対応の判断')}:p01")
    before = site.everything()
    page = site.client.get(link).text
    assert site.everything() == before
    for said in (
        "対応の判断（遠隔ロック・遠隔消去）",
        "遠隔消去（初期化）を行う",
        "端末が見つかった",
        "KT-0012",
        "東小学校",
    ):
        assert said in page
    assert "髙橋" not in page
    assert "<b>" not in page
    missing = site.post(link, choice="wipe")
    assert missing.status_code == 422
    assert "「理由・内容」を記入してください" in missing.text
    assert "選択肢から一つを選んでください" in site.post(link, reason="x", choice="explode").text
    done = site.post(link, choice="wipe", reason="暗号化されていないため")
    assert "✓ 記録しました：遠隔消去（初期化）を行う" in done.text
    assert "<form" not in done.text
    (decision,) = site.rows(t.decision)
    assert (decision["actor"], decision["choice"], decision["via"], decision["reason"]) == (
        "person:p01",
        "wipe",
        "page",
        "暗号化されていないため",
    )
    assert "回答済み" in site.client.get(link).text
    other = site.client.get(site.link("decide", f"{decision['wait']}:p02")).text
    assert "すでに回答されています：遠隔消去" in other
    assert "<form" not in other


def test_who_approves_a_wipe_writes_the_asset_number_and_two_are_needed(site: Site) -> None:
    site.lose()
    site.post(site.link("decide", f"{site.wait('対応の判断')}:p01"), choice="wipe", reason="x")
    wait = site.wait("遠隔消去（初期化）の承認")
    first, second = (site.link("decide", f"{wait}:{person}") for person in ("p01", "p02"))
    page = site.client.get(first).text
    assert "この操作は取り消せません" in page
    assert "2名の承認で実行されます（現在 0名）" in page
    for wrong in ("", "KT-0099"):
        answer = site.post(first, choice="approve", reason="確認した", confirm=wrong)
        assert answer.status_code == 422
        assert "一致しません" in answer.text
    assert "現在 1名" in site.post(first, choice="approve", reason="確認した", confirm="kt-0012").text
    again = {
        "csrf": form_key(first.rpartition("/")[2]),
        "choice": "approve",
        "reason": "もう一度",
        "confirm": "KT-0012",
    }
    assert "回答済みです" in site.client.post(first, data=again).text
    assert site.rows(t.step, name="wipe")[0]["state"] == "waiting"
    assert len(site.rows(t.decision, wait=wait)) == 1
    site.post(second, choice="approve", reason="確認した", confirm="HES-PC-012")
    assert site.rows(t.step, name="wipe")[0]["state"] == "intent"


def test_denying_a_wipe_asks_for_no_number(site: Site) -> None:
    site.lose()
    site.post(site.link("decide", f"{site.wait('対応の判断')}:p01"), choice="wipe", reason="x")
    site.post(site.link("decide", f"{site.wait('の承認')}:p02"), choice="deny", reason="端末が見つかった")
    assert site.rows(t.step, name="wipe")[0]["outcome"] == "denied"


def test_only_those_who_are_asked_and_those_above_may_decide(site: Site) -> None:
    site.lose()
    wait = site.wait("対応の判断")
    for person in ("t01", "p09", "nobody"):
        answer = site.client.get(site.link("decide", f"{wait}:{person}"))
        assert answer.status_code == 403, person
        assert "役割ではありません" in answer.text
    assert site.client.get(site.link("decide", "nothing:p01")).status_code == 404
    assert site.client.get(site.link("decide", f"{wait}:b01")).status_code == 200  # asked when it is overdue
    receipt = site.wait("紛失・盗難のお知らせ")
    assert site.client.get(site.link("decide", f"{receipt}:p01")).status_code == 403


def test_the_board_sees_the_clock_and_why_before_it_decides(site: Site) -> None:
    site.lose()
    link = site.link("decide", f"{site.wait('要否の判断')}:b01")
    page = site.client.get(link).text
    for said in (
        "法令による期限の目安",
        "速報（目安の終わり）",
        "令和8年11月30日（月）",
        "確報（30日以内）",
        "要配慮個人情報",
        "要否は自動では判断しません",
    ):
        assert said in page, said
    site.post(link, choice="report", reason="盗難のおそれがあるため")
    task = site.link("decide", f"{site.wait('速報')}:b01")
    assert "✓ 記録しました：完了" in site.post(task, choice="done").text
    assert site.wait("確報")


def test_under_the_kill_switch_an_approval_is_refused_in_plain_words(site: Site) -> None:
    site.lose()
    site.post(site.link("decide", f"{site.wait('対応の判断')}:p01"), choice="wipe", reason="x")
    with site.core.state.write() as conn:
        site.core.engine.set_killswitch(conn, True, ROOT, "test", NOW)
    answer = site.post(
        site.link("decide", f"{site.wait('の承認')}:p01"), choice="approve", reason="x", confirm="KT-0012"
    )
    assert answer.status_code == 422
    assert "緊急停止" in answer.text


def test_the_receipt_page_tells_a_manager_what_to_do(site: Site) -> None:
    site.lose()
    receipt = site.rows(t.receipt, wait=site.wait("紛失・盗難のお知らせ"), person="p01")[0]["id"]
    page = site.client.get(f"/r/{site.core.links.make('receipt', receipt)}").text
    for said in ("端末の紛失・盗難のお知らせ", "遠隔ロック・遠隔消去", "発生日時", "受領しました"):
        assert said in page
    assert "隔離の状態" not in page


def test_what_is_late_goes_on_to_the_board_with_a_link_of_its_own(site: Site) -> None:
    site.lose()
    site.clock.advance(minutes=31)
    with site.core.state.write() as conn:
        site.core.engine.tick(conn, site.clock.now())
    told = [row["body"] for row in site.rows(t.outbox, kind="message") if row["body"]["template"] == "escalation"]
    judged = [body for body in told if body["facts"].get("wait") == site.wait("対応の判断")]
    assert [(body["person"], body["role"]) for body in judged] == [("b01", "board")]
