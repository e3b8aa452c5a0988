"""A lost PC and a mis-sent mail, from the page of a teacher to the board: people press the links that reach them."""

import io
import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from hinomi.cli.acting.pages import ask, press

INTUNE_ID = "a" * 40
FILE = "C:\\Users\\sato\\Documents\\1学期成績一覧.xlsx"
REASON = {"reason": "本人に電話で確認したため"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, world_module: Any) -> Iterator[Any]:
    made = world_module.World(tmp_path_factory.mktemp("internal"), product="intune")
    made.eventually = world_module.eventually
    made.lay_out(seconds=False, extra="[store]\nflush_seconds = 0.5\n")
    for flow in ("internal-lost-device", "internal-missent"):
        made.activate(flow)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def mails(world: Any, to: str, template: str, *words: str) -> list[str]:
    """Return the links of mails to somebody, of those that name an incident and whatever else is given."""
    found = []
    for mail in list(world.mailbox.mails):
        text = f"{mail['Subject']}\n{mail.get_content()}"
        if to in mail["X-To"] and mail["X-Hinomi-Template"] == template and all(word in text for word in words):
            found += re.findall(r"https?://\S+", text)[:1]
    return found


def follow(world: Any, to: str, template: str, *words: str, **answers: str) -> str:
    """Wait for a mail, open its link, fill in what is asked, press the button; return the page that comes back."""
    links = world.eventually(lambda: mails(world, to, template, *words), 60)
    assert links, f"no {template} to {to} that says {words}: {[m['Subject'] for m in world.mailbox.mails]}"
    answer = press(links[-1], answers)
    assert answer.status == 200, answer.text
    return answer.text


def step(world: Any, number: int, name: str) -> dict[str, Any]:
    run = world.call(f"runs?incident={number}")["items"][0]["id"]
    return next((row for row in world.call(f"runs/{run}")["steps"] if row["name"] == name), {})


def report_text(world: Any, kind: str, number: int) -> str:
    def sent() -> Any:
        found = world.call(f"reports?incident={number}&kind={kind}")["items"]
        return [row["path"] for row in found if row["state"] == "sent"]

    (path,) = world.eventually(sent, 60)
    pages = PdfReader(io.BytesIO(Path(path).read_bytes())).pages
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in pages))


def open_page(world: Any, person: str, **answers: str) -> int:
    """Report something on a person's own page; return the incident's number."""
    link = world.hinomi("--config", str(world.config), "incident", "link", person).strip()
    page = press(link, answers)
    assert page.status == 200, page.text
    found = re.search(r"事案番号 (\d+)", page.text)
    assert found
    return int(found[1])


def phone(world: Any, kind: str, by: str, *more: str) -> dict[str, Any]:
    """Open an incident as an operator does who was called; return what came of it."""
    told = ("incident", "open", "--cause", "internal", "--kind", kind, "--reported-by", by, *more, "-o", "json")
    outcome: dict[str, Any] = json.loads(world.hinomi("--config", str(world.config), *told))
    return outcome


def missing(text: str, *said: str) -> list[str]:
    """Return what a text does not say."""
    return [words for words in said if words not in text]


# --- a lost PC ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lost(world: Any) -> int:
    """A file was written on a teacher's PC, then the PC is lost: the incident that their page has opened."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + ".000"
    made = {"EventID": 11, "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "PC-0101", "UtcTime": moment,
            "Image": "C:\\Windows\\explorer.exe", "TargetFilename": FILE, "User": "AOBA\\sato"}  # fmt: skip
    assert world.post([made]) == (200, {"accepted": 1})
    assert world.eventually(
        lambda: world.call("events/search", {"query": "file.path~Documents", "since": "1h"}).get("items"), 60
    )
    return open_page(world, "t1", kind="端末の紛失・盗難", device="A-0101", what="帰宅の電車に置き忘れた")


@pytest.fixture(scope="module")
def wipe(world: Any, lost: int) -> dict[str, Any]:
    """The management chooses the wipe, it and the board say yes: the one request that the product was sent."""
    mark = f"事案 {lost}"
    assert "受領しました" in follow(world, "h1@school.test", "lost_notice", mark)
    assert "記録しました" in follow(
        world, "h1@school.test", "decision_request", mark, "遠隔消去", choice="wipe", **REASON
    )
    approval = {"choice": "approve", "confirm": "A-0101", **REASON}
    first = world.eventually(lambda: mails(world, "h1@school.test", "approval_request", mark), 60)[0]
    assert press(first, {**approval, "confirm": "A-0102"}).status == 422
    assert press(first, approval).status == 200
    assert "回答済み" in ask("GET", first).text
    time.sleep(1.0)
    assert world.isolations() == []  # one is not enough
    follow(world, "b1@city.test", "approval_request", mark, **approval)
    assert world.eventually(lambda: step(world, lost, "wipe").get("state") == "verified", 60), step(world, lost, "wipe")
    (request,) = world.isolations()
    found: dict[str, Any] = request
    return found


@pytest.fixture(scope="module")
def to_board(world: Any, lost: int, wipe: dict[str, Any]) -> str:
    """The teacher has written a report and the management another, which the board has received: its text."""
    mark = f"事案 {lost}"
    answers = {"kind": "紛失", "medium": "校務用端末", "course": "電車に置き忘れた", "leak_possible": "あり", "persons": "約35人"}  # fmt: skip
    assert "提出しました" in follow(world, "t1@phone.test", "report_form", mark, "紛失・盗難報告", **answers)
    follow(world, "h1@school.test", "report_ready", mark, "紛失・盗難報告")
    follow(world, "h1@school.test", "report_form", mark, "教育委員会", status="鉄道会社に照会中")
    follow(world, "b1@city.test", "report_ready", mark, "教育委員会")
    return report_text(world, "loss_to_board", lost)


def test_a_lost_pc_is_wiped_once_after_two_persons_have_said_yes(wipe: dict[str, Any]) -> None:
    assert (wipe["path"], wipe["status"]) == (f"/v1.0/deviceManagement/managedDevices/{INTUNE_ID}/wipe", 204)


def test_the_management_is_told_what_was_on_the_lost_pc(world: Any, lost: int, wipe: dict[str, Any]) -> None:
    contents = report_text(world, "device_contents", lost)
    assert missing(contents, "1学期成績一覧.xlsx", "Ⅱ（通称：機密Ⅱ）", "情報源winlog", "PC-0101") == []
    follow(world, "h1@school.test", "report_ready", f"事案 {lost}", "端末内情報一覧")
    incident = world.call(f"incidents/{lost}")
    assert (incident["file_class"], incident["facts"]["contents"]) == ("II", {"II": 1})


def test_the_board_reads_who_has_decided_what_and_why(to_board: str) -> None:
    decided = ("実行を確認済", "鈴木一", "高橋教", "本人に電話で確認したため")
    assert missing(to_board, *decided, "約35人", "個人情報保護委員会への報告の目安") == []


def test_police_and_commission_are_reported_to_as_the_board_decides(world: Any, lost: int, to_board: str) -> None:
    mark = f"事案 {lost}"
    follow(world, "t1@phone.test", "task_request", mark, "警察", choice="done")
    follow(world, "b1@city.test", "decision_request", mark, "要否の判断", choice="report", **REASON)
    follow(world, "b1@city.test", "task_request", mark, "速報", choice="done")
    assert world.call(f"incidents/{lost}")["facts"]["statutory"]["clocks"][-1]["name"] == "確報（30日以内）"
    shown = world.hinomi("--config", str(world.config), "incident", "show", str(lost))
    assert "速報（目安の終わり）" in shown


def test_no_mail_names_a_person_or_a_file_and_nothing_is_wiped_again(
    world: Any, wipe: dict[str, Any], to_board: str
) -> None:
    assert world.isolations() == [wipe]
    assert not [
        mail for mail in world.mailbox.mails if "佐藤" in mail.get_content() or "成績一覧" in mail.get_content()
    ]


def test_the_same_pc_reported_by_phone_is_the_same_incident(world: Any, lost: int) -> None:
    outcome = phone(world, "lost_device", "h1", "--device", "PC-0101", "--what", "駅から電話")
    assert (outcome["opened"], outcome["number"]) == (False, lost)
    assert len([i for i in world.call("incidents")["items"] if i["category"] == "lost_device"]) == 1


# --- a mis-sent mail ------------------------------------------------------------------------------------


def test_a_mis_sent_mail_from_the_phone_to_the_boards_receipt(world: Any) -> None:
    outcome = phone(world, "missent", "t1", "--what", "別の保護者へ", "--occurred-at", "1h")
    assert outcome["opened"] is True
    number = outcome["number"]
    mark = f"事案 {number}"
    follow(world, "h1@school.test", "missent_notice", mark)
    follow(world, "h1@school.test", "decision_request", mark, choice="recall", **REASON)
    assert "完了" in follow(world, "t1@phone.test", "task_request", mark, "送信の取り消し", choice="done")
    follow(world, "h1@school.test", "task_request", mark, "削除の依頼", choice="done", reason="3人へ電話した")
    follow(world, "h1@school.test", "task_request", mark, "削除の確認", choice="done")
    assert "調べた範囲" in report_text(world, "sent_records", number)
    answers = {"means": "メール", "recipients": "保護者3人", "content": "学級通信", "course": "宛先を取り違えた", "leak_possible": "あり"}  # fmt: skip
    follow(world, "t1@phone.test", "report_form", mark, "誤送信報告", **answers)
    follow(world, "h1@school.test", "report_form", mark, "教育委員会", status="削除を確認済み")
    follow(world, "b1@city.test", "report_ready", mark, "教育委員会")
    board = report_text(world, "missent_to_board", number)
    recalled = ("送信の取り消し", "送信の取り消しと削除の依頼を行う")
    assert missing(board, "誤送信報告（教育委員会）", "保護者3人", "誤送信報告による", *recalled) == []
    follow(world, "b1@city.test", "decision_request", mark, "要否の判断", choice="no_duty", **REASON)
    decided = [e for e in world.call(f"incidents/{number}")["timeline"] if "報告を要しないと判断した" in e["text"]]
    assert [entry["who"] for entry in decided] == ["高橋 教（教育委員会）"]


# --- kill -9 --------------------------------------------------------------------------------------------


def test_a_responder_that_is_killed_right_after_the_wipe_went_out_does_not_send_it_again(
    world: Any, tmp_path: Path
) -> None:
    serving = world.processes[-1]
    serving.send_signal(signal.SIGTERM)
    serving.wait(30)
    flag = tmp_path / "killed"
    world.serve(env={"HINOMI_FAIL": f"effect.after_send:1:{flag}"})
    number = open_page(world, "h1", kind="端末の紛失・盗難", device="A-0102", what="車上荒らしに遭った")
    mark = f"事案 {number}"
    follow(world, "h1@school.test", "decision_request", mark, "遠隔消去", choice="wipe", **REASON)
    for person in ("h1@school.test", "b1@city.test"):
        follow(world, person, "approval_request", mark, choice="approve", confirm="A-0102", **REASON)
    assert world.eventually(lambda: step(world, number, "wipe").get("state") == "verified", 60), step(
        world, number, "wipe"
    )
    assert flag.exists(), "the point was never reached"
    assert len([wipe for wipe in world.isolations() if "b" * 40 in wipe["path"]]) == 1
