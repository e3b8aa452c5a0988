"""One incident with its run half done, written as rows: what reports are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from hinomi import audit, directory
from hinomi.clock import iso
from hinomi.directory import Device, Directory, Person, Tenant
from hinomi.playbooks.incidents import timeline
from hinomi.reports import forms
from hinomi.reports.builder import Builder
from hinomi.settings import Settings
from hinomi.state import State, t

NOW = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)
SCHOOL = "kita/aoba/higashi-es"
PEOPLE = Directory(
    tenants=[
        Tenant("kita", "北県", "prefecture"),
        Tenant("kita/aoba", "青葉市", "municipality"),
        Tenant(SCHOOL, "東小学校", "school"),
    ],
    people=[
        Person("t01", SCHOOL, "髙橋 花子", "teacher", mail="t01@example.jp"),
        Person("p01", SCHOOL, "𠮷田 一郎", "principal", mail="p01@example.jp"),
        Person("b01", "kita/aoba", "辻󠄀 次郎", "board", mail="b01@example.jp"),
        Person("o01", "", "監視 三郎", "operator", mail="o01@example.jp"),
    ],
    devices=[Device("dev-0012", SCHOOL, "HES-PC-012", "KT-0012", "t01", vendors={"defender": "m12"})],
)
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def after(minutes: float) -> str:
    return iso(NOW + timedelta(minutes=minutes))


@dataclass
class World:
    settings: Settings
    state: State
    builder: Builder
    incident: str = "inc1"

    def open(self, kind: str, role: str = "operator", step: str | None = None) -> str:
        with self.state.write() as conn:
            return forms.open_report(
                conn, incident=self.incident, kind=kind, now=NOW, step=step, author_role=role, due_at=after(60)
            )

    def submit(self, report: str, fields: dict[str, Any], actor: str) -> None:
        with self.state.write() as conn:
            forms.submit(conn, report, fields, actor, NOW + timedelta(minutes=50), None)


def _incident(conn: Any, category: str = "malware") -> None:
    facts = {
        "rules": ["文書ファイルからの不審なプロセス起動"], "rule_ids": ["r1"], "sources": ["edr", "winlog"],
        "tags": ["attack.t1204.002"], "sha256": [SHA256], "files": ["年間計画.docm"], "users": ["t01"],
    }  # fmt: skip
    conn.execute(insert(t.incident).values(
        id="inc1", number=12, tenant=SCHOOL, entity="host:dev-0012", host="dev-0012", user="t01", category=category,
        cause="external", severity="critical", file_class="II", title="Malware", title_ja="文書ファイルからの不審なプロセス起動",
        facts=facts, opened_at=after(0), detected_at=after(0), last_alert_at=after(0), acknowledged_at=after(9),
        updated_at=after(0), status="open",
    ))  # fmt: skip
    conn.execute(insert(t.alert).values(
        id="a1", number=31, tenant=SCHOOL, rule_id="r1", rule_hash="x", title="Malware", title_ja="文書ファイルからの不審なプロセス起動",
        level="critical", category=category, cause="external", contain="auto", entity="host:dev-0012", host="dev-0012", user="t01",
        hour="2026-11-24T02", source="edr", count=3, first_seen=after(0), last_seen=after(1), received_at=after(0), trusted=True,
        backfill=False, host_known=True, tags=[], event_ids=["e1"], status="new", incident="inc1", created_at=after(0), updated_at=after(0),
        evidence=[{"@timestamp": after(0), "event.id": "e1", "file.path": "C:\\Users\\t01\\Downloads\\年間計画.docm", "file.hash.sha256": SHA256}],
    ))  # fmt: skip


def _run(conn: Any) -> None:
    conn.execute(
        insert(t.run).values(
            id="run1",
            incident="inc1",
            tenant=SCHOOL,
            playbook="external-malware",
            sha256="y",
            mode="live",
            state="running",
            started_at=after(0),
        )
    )
    steps: list[dict[str, Any]] = [
        {"id": "s1", "name": "isolate", "kind": "do", "flow": 2, "state": "verified", "action": "endpoint.isolate", "target": {"device": "dev-0012"}, "sent_at": after(0.01), "done_at": after(0.02), "started_at": after(0)},
        {"id": "s2", "name": "tell_teacher", "kind": "notify", "state": "done", "done_at": after(0.1), "started_at": after(0.1)},
        {"id": "s3", "name": "final", "kind": "report", "flow": 10, "state": "waiting", "started_at": after(40), "detail": {"to": "board", "report": "final"}},
        {"id": "s4", "name": "first_response", "kind": "report", "state": "waiting", "started_at": after(1), "detail": {"to": "school_management", "report": "first_response"}},
        {"id": "s5", "name": "release", "kind": "do", "flow": 8, "state": "verified", "action": "endpoint.release", "target": {"device": "dev-0012"}, "sent_at": after(45), "done_at": after(45), "started_at": after(45)},
    ]  # fmt: skip
    for step in steps:
        conn.execute(insert(t.step).values(run="run1", **step))
    conn.execute(insert(t.wait).values(id="w3", run="run1", step="s2", incident="inc1", tenant=SCHOOL, kind="receipt", role="teacher", flow=3, text="隔離メッセージの受領",
                                       opened_at=after(0.1), due_at=after(30), remind_at=[], state="done", done_at=after(8), by="person:t01"))  # fmt: skip
    conn.execute(insert(t.wait).values(id="w4", run="run1", step="s4", incident="inc1", tenant=SCHOOL, kind="receipt", role="school_management", flow=4,
                                       text="一次対応報告の受領", opened_at=after(20), due_at=after(80), remind_at=[], state="open"))  # fmt: skip
    conn.execute(
        insert(t.receipt).values(
            id="rc3", wait="w3", person="t01", role="teacher", sent_at=after(0.2), received_at=after(8), via="page"
        )
    )
    conn.execute(
        insert(t.receipt).values(id="rc4", wait="w4", person="p01", role="school_management", sent_at=after(21))
    )
    conn.execute(
        insert(t.hold).values(
            id="h1",
            device="dev-0012",
            tenant=SCHOOL,
            incident="inc1",
            owner="system",
            since=after(0),
            review_at=after(1440),
            released_at=after(45),
        )
    )
    conn.execute(
        insert(t.device_state).values(device="dev-0012", state="released", observed_at=after(46), vendor="defender")
    )


@pytest.fixture
def world(tmp_path: Path, database: str) -> Iterator[World]:
    settings = Settings.model_validate({"data": tmp_path, "state": {"url": database}})
    state = State(settings.state_url)
    state.migrate()
    with state.write() as conn:
        directory.save(conn, PEOPLE, "local:test", NOW)
        _incident(conn)
        _run(conn)
        add: list[tuple[str, str, str, dict[str, Any], float]] = [("opened", "system", "事案を開始しました", {}, 0.0), ("verified", "system", "隔離を確認しました", {"state": "isolated"}, 2.5),
               ("receipt", "person:t01", "受領: 隔離メッセージの受領（page）", {"flow": 3}, 8.0),
               ("verified", "system", "隔離解除を確認しました", {"state": "released"}, 46.0)]  # fmt: skip
        for kind, actor, text, data, at in add:
            timeline.add(conn, "inc1", kind=kind, actor=actor, text=text, data=data, now=NOW + timedelta(minutes=at))
        audit.record(conn, NOW, actor="system", act="incident.open", object="incident:inc1", tenant=SCHOOL)
    yield World(settings, state, Builder(settings, state))
    state.close()
