"""Reports on a lost PC and a mis-sent message: what nobody writes is drawn from the logs, and the incident learns from it."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import select, update

from hinomi.clock import iso
from hinomi.events import Flush, open_store
from hinomi.playbooks.incidents import incidents, statutory
from hinomi.state import t

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SCHOOL = "kita/aoba/higashi-es"


def event(number: int, **more: Any) -> dict[str, Any]:
    fields = {name.replace("__", "."): value for name, value in more.items()}
    return {
        "@timestamp": iso(NOW - timedelta(hours=number)), "event.id": f"{number:032x}", "hinomi.host.id": "dev-0012", "hinomi.tenant": SCHOOL,
        "hinomi.source": "oplog", "hinomi.user.id": "t01", **fields,
    }  # fmt: skip


@pytest.fixture
def lost(world: Any) -> Any:
    """The same incident as that of the other reports, of internal cause; and a lake with what was seen."""
    facts = {
        "kind": "lost_device",
        "reported_by": "t01",
        "occurred_at": iso(NOW - timedelta(minutes=30)),
        "what": "電車に置き忘れた",
    }
    with world.state.write() as conn:
        changed = {
            "category": "lost_device",
            "cause": "internal",
            "facts": facts,
            "file_class": None,
            "severity": "high",
        }
        conn.execute(update(t.incident).values(**changed))
    store = open_store(world.settings, writable=True)
    events = [
        event(1, event__action="file-written", file__path="C:\\成績\\成績一覧.xlsx", file__name="成績一覧.xlsx", hinomi__file__class="II"),
        event(2, event__action="file-opened", file__path="C:\\memo.txt", file__name="memo.txt"),
        event(3, event__action="mail-sent", file__name="名簿.xlsx", hinomi__file__class="I", hinomi__egress__channel="mail",
              hinomi__egress__verdict="allowed", hinomi__egress__destination="someone@example.com"),
    ]  # fmt: skip
    store.append(Flush("a", [(1, events)]))
    store.close()
    return world


def text_of(path: str) -> str:
    pages = PdfReader(io.BytesIO(Path(path).read_bytes())).pages
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in pages))


def incident(world: Any) -> Any:
    with world.state.read() as conn:
        return conn.execute(select(t.incident)).one()


def test_the_list_of_what_was_on_the_pc_shows_class_file_time_and_coverage(lost: Any) -> None:
    built = lost.builder.build(lost.open("device_contents", "system"), LATER)
    text = text_of(built.path)
    for said in (
        "端末内情報一覧", "HES-PC-012", "KT-0012", "Ⅱ（通称：機密Ⅱ）", "1件", "成績一覧.xlsx", "2026-11-2410:00:00",
        "memo.txt", "情報源oplog3件", "現在あることを証明するものではなく",
    ):  # fmt: skip
        assert said in text, said
    assert text.index("成績一覧.xlsx") < text.index("memo.txt")
    kept = json.loads(Path(built.path).with_suffix(".json").read_text(encoding="utf-8"))
    assert kept["model"]["found"] == built.found == {"contents": {"II": 1, "none": 1}, "file_class": "II"}


def test_the_list_of_what_was_sent_shows_to_whom_and_what(lost: Any) -> None:
    built = lost.builder.build(lost.open("sent_records", "system"), LATER)
    text = text_of(built.path)
    for said in ("送信記録一覧", "メール", "someone@example.com", "名簿.xlsx", "Ⅰ", "該当1件", "利用者「t01」"):
        assert said in text, said
    assert built.found == {"sent": 1, "file_class": "I"}


def test_without_a_device_the_list_says_that_nothing_was_looked_at(lost: Any) -> None:
    with lost.state.write() as conn:
        conn.execute(update(t.incident).values(host=None))
    built = lost.builder.build(lost.open("device_contents", "system"), LATER)
    assert "対象の端末を特定できないため" in text_of(built.path)
    assert built.found == {}


def test_an_incident_learns_the_class_and_its_severity_is_at_least_that_of_the_class(lost: Any) -> None:
    changes: list[str] = []
    with lost.state.write() as conn:
        found = {"contents": {"I": 2}, "file_class": "I"}
        incidents.learn(conn, "inc1", found, LATER, lambda _conn, key, _now: changes.append(key))
    row = incident(lost)
    assert (row.file_class, row.severity, row.facts["contents"]) == ("I", "critical", {"I": 2})
    assert row.facts["what"] == "電車に置き忘れた"
    assert changes == ["inc1"]
    with lost.state.write() as conn:
        incidents.learn(conn, "inc1", {"file_class": "III"}, LATER, lambda *_: None)
    assert (incident(lost).file_class, incident(lost).severity) == ("I", "critical")


# --- the law -----------------------------------------------------------------------------------------


def hint(category: str = "lost_device", **answers: Any) -> statutory.Hint:
    return statutory.evaluate(NOW, category=category, answers=answers)


def test_what_nobody_knows_rules_no_duty_out() -> None:
    said = "\n".join(hint().reasons)
    assert all(case in said for case in ("(1)", "(3)", "(4)"))


def test_a_theft_has_sixty_days_and_a_loss_thirty() -> None:
    assert [clock.name for clock in hint(kind="盗難").clocks][-1] == "確報（60日以内）"
    assert [clock.name for clock in hint(kind="紛失").clocks][-1] == "確報（30日以内）"
    assert "(3)" in "".join(hint(kind="盗難").reasons)
    assert "(3)" not in "".join(hint(kind="紛失").reasons)
    assert [str(clock.due) for clock in hint(kind="紛失").clocks] == ["2026-11-26", "2026-11-30", "2026-12-23"]


def test_an_answer_that_there_was_no_leak_or_that_it_was_encrypted_is_for_the_board_to_judge() -> None:
    said = hint(kind="紛失", sensitive="なし", persons="3人", leak_possible="なし", encrypted="あり").reasons
    assert len(said) == 2
    assert all("教育委員会の判断が必要" in reason for reason in said)


def test_the_clock_is_looked_at_on_each_change_of_the_facts_and_written_down_once(lost: Any) -> None:
    def note() -> bool:
        with lost.state.write() as conn:
            return statutory.note(conn, "inc1", LATER)

    assert note()
    assert not note()
    before = incident(lost).facts["statutory"]
    report = lost.open("loss", "teacher")
    answers = {
        "kind": "盗難",
        "medium": "端末",
        "course": "車上荒らし",
        "leak_possible": "あり",
        "persons": "約240人",
        "sensitive": "なし",
    }
    lost.submit(report, answers, "person:t01")
    assert note()
    after = incident(lost).facts["statutory"]
    assert before["clocks"][-1]["due"] == "2026-12-23"
    assert after["clocks"][-1]["due"] == "2027-01-22"
    assert any("約240人と報告" in reason for reason in after["reasons"])
    with lost.state.read() as conn:
        told = conn.execute(select(t.timeline.c.text).where(t.timeline.c.kind == "statutory")).scalars().all()
    assert len(told) == 2
    assert all("要否は教育委員会が判断します" in text for text in told)


def test_the_boards_report_takes_over_what_the_person_wrote_and_names_who_decided(lost: Any) -> None:
    with lost.state.write() as conn:
        conn.execute(t.wait.insert().values(id="w9", incident="inc1", tenant=SCHOOL, kind="decision", role="school_management", text="対応の判断（遠隔ロック・遠隔消去）",
                                            opened_at=iso(NOW), remind_at=[], state="done", outcome="wipe"))  # fmt: skip
        conn.execute(t.decision.insert().values(wait="w9", at=iso(NOW), actor="person:p01", role="school_management", choice="wipe",
                                                reason="暗号化されていないため", via="page"))  # fmt: skip
    own = {
        "kind": "紛失",
        "medium": "校務用端末",
        "course": "電車に置き忘れた",
        "leak_possible": "あり",
        "police_no": "北署 12345",
    }
    lost.submit(lost.open("loss", "teacher"), own, "person:t01")
    board = lost.open("loss_to_board", "school_management")
    lost.submit(board, {"status": "鉄道会社に照会中"}, "person:p01")
    text = text_of(lost.builder.build(board, LATER).path)
    for said in (
        "紛失・盗難報告（教育委員会）", "北署12345", "紛失・盗難報告による", "鉄道会社に照会中", "遠隔消去（初期化）を行う",
        "暗号化されていないため", "𠮷田一郎", "個人情報保護委員会への報告の目安",
    ):  # fmt: skip
        assert said in text, said
