"""What people do when they are told: open the link in a mail and press its button, fill in their report, press in Slack.

They know their mailbox, the links in it, and (the operator) a channel in Slack and the API with a key. One teacher
waits for the reminder.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

from hinomi.cli.acting.agenda import Agenda
from hinomi.cli.acting.letters import Api, Letter, Letters, Mail, check
from hinomi.cli.acting.pages import JST, press
from hinomi.cli.demo.chat import Chat
from hinomi.cli.demo.world import Person, World

#: Mail that wants nothing of its reader but to be read.
PAGES = ("isolation_failed", "action_failed", "host_offline")
#: Who presses the button for a group, and who writes its reports: one of several holders acts, as in a school.
PRESSES = ("teacher", "principal", "board", "operator")
WRITES = ("teacher", "vice_principal", "operator")
#: A button of the operators' channel → where the API lists what it is asked for; the steps an operator answers here.
ASKED = {"実際の被害（検知は正しい）": "decisions?state=open", "承認": "approvals?state=open"}
BY_OPERATOR = (6, 8)
CHAT_LOOK, THINKS = 0.3, 0.7
"""Seconds between two looks at the channel, and between a look and a press."""
EDR_WAIT = 8.0
"""Seconds the operator waits for the EDR's own alert before the detection is confirmed without it."""

ANSWERS = {
    "how": "スマートフォンに届いた隔離のお知らせで知り、職員室のPCを確認した。",
    "symptom": "「コンテンツの有効化」を求める黄色い帯が出ていた。ほかに警告の表示はなかった。",
    "last_operation": "研修案内として届いたリンクから文書をダウンロードし、Wordで開いた。",
    "actions": "端末に触らずに置いた",
    "spread": "なし",
    "photos": "あり（別途提出）",
    "data": "2年生の評定一覧（作業中）",
    "data_class": "Ⅱ（機密）",
    "impact": "5校時の授業は学年共用の端末で行った。",
    "summary": "教員が研修案内を装った文書を開き、不正なプログラムが起動した。EDRとhinomiが検知し、端末を自動で隔離した。",
    "root_cause": "外部サイトから入手したマクロ付き文書の実行。メール本文のリンクから入手していた。",
    "scope": "校務用端末1台。共有フォルダ、他の端末、アカウントへの波及は記録上認められない。",
    "leak_conclusion": "なし",
    "leak_evidence": "操作ログとSysmonの記録（本日終日、対象端末と共有フォルダ）を確認し、持ち出しの記録がないことを確かめた。",
    "containment": "検知と同時にEDRで端末をネットワークから隔離した。",
    "eradication": "EDRで当該ファイルを隔離し、フルスキャンで新しい検知がないことを確認した。",
    "recovery": "事業者の承認を経て隔離を解除し、利用者へ連絡した。",
    "sensitive": "なし",
    "my_number": "なし",
    "category": "感染",
    "affected": "端末1台、アカウント1件",
    "leak_possible": "調査中",
    "items": "氏名、評定（作業中の一覧に含まれる項目）",
    "persons": "約70人（作業中の一覧に載る人数。漏えいした人数ではない）",
    "notify": "都道府県教育委員会",
    "status": "事業者が端末のスキャンと操作ログの確認を進めている。",
    "contact": "副校長（学校代表電話）",
    "persons_response": "漏えいが認められないため、本人・保護者への通知は行わない。利用者には経緯を説明した。",
    "publication": "行わない（漏えいなし）。",
    "secondary_damage": "確認されていない。外部への通信先を今後30日間監視する。",
    "prevention": "外部から入手した文書のマクロを既定で無効にする／予定／教育委員会ICT担当／今月末\n"
    "研修案内を装う文書について全校へ注意喚起／実施済／校務情報セキュリティ担当者／本日",
    "remarks": "なし",
    "evaluation": "検知から隔離まで人手を介さずに行われた。隔離のお知らせの受領確認に時間を要した。",
    "approver": "事業者（SOC）責任者",
}


def answers() -> dict[str, str]:
    """Return what they write today: the times are theirs, as a browser sends them."""
    now = datetime.now(JST)
    later = (now + timedelta(hours=3)).replace(minute=0)
    times = {"found_at": now, "next_report_at": later, "approved_on": now}
    return {**ANSWERS, **{name: moment.strftime("%Y-%m-%dT%H:%M") for name, moment in times.items()}}


class People:
    """Everybody with a mailbox."""

    def __init__(self, world: World, folder: Path, api: Api, chat: Chat, tell: Callable[..., None]):
        self._world, self._letters = world, Letters(folder, world.people)
        self._api, self._chat, self._tell = api, chat, tell
        self._agenda = Agenda(self._trouble)
        self._handled: set[str] = set()
        self._looking: dict[str, float] = {}
        self._next_look = 0.0
        self._pressed: set[str] = set()

    def look(self) -> None:
        """Read new mail and do what is due."""
        for letter in self._letters.new():
            self._receive(letter)
        try:
            self._look_at_chat()
        except (OSError, HTTPException) as error:
            self._trouble(error)
        self._agenda.do_due()

    def _trouble(self, error: Exception) -> None:
        self._tell("trouble", what=f"{type(error).__name__}: {error}")

    def _receive(self, letter: Letter[Person]) -> None:
        person, mail = letter.person, letter.mail
        self._tell(
            "mail", who=person.id if person else mail.to, role=person.role if person else "", template=mail.template
        )
        if person is None:
            return
        if mail.template in PAGES:
            self._tell("paged", who=person.id, role=person.role, template=mail.template)
        if mail.kind in ("r", "p", "f") and self._acts(person, mail):
            self._handled.add(mail.link)
            self._agenda.after(0.5 if mail.kind != "f" else 1.0, lambda: self._open(person, mail))

    def _acts(self, person: Person, mail: Mail) -> bool:
        if mail.template == "isolation_notice":  # this one is left to its reminder
            self._tell("waits", who=person.id, what="the notice lies unread")
            return False
        roles = WRITES if mail.kind == "f" else PRESSES
        first = person.role not in ("board", "operator") or person.id.endswith("01")
        return person.role in roles and first and mail.link not in self._handled

    def _open(self, person: Person, mail: Mail) -> None:
        check(press(mail.link, answers() if mail.kind == "f" else {}))
        what = {"f": "submitted", "p": "read", "r": "received"}[mail.kind]
        self._tell("act", who=person.id, role=person.role, what=what, template=mail.template)

    # --- the operator -----------------------------------------------------------------------------

    def _look_at_chat(self) -> None:
        """Press what the operators' channel asks for, once somebody has thought about it."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + CHAT_LOOK
        for label in self._chat.buttons() & ASKED.keys():
            for wait in self._api.call("GET", ASKED[label])["items"]:
                if wait["flow"] in BY_OPERATOR and wait["id"] not in self._pressed and self._sure(wait):
                    self._press(label, wait)
                    self._pressed.add(wait["id"])

    def _sure(self, wait: dict[str, Any]) -> bool:
        since = time.monotonic() - self._looking.setdefault(wait["id"], time.monotonic())
        if wait["kind"] != "decision":
            return since >= THINKS
        return since >= THINKS and (self._edr_agrees(wait["incident"]) or since >= EDR_WAIT)

    def _press(self, label: str, wait: dict[str, Any]) -> None:
        operator = next(person for person in self._world.people if person.id == "soc-operator01")
        if wait["kind"] == "decision":
            self._api.call("POST", f"incidents/{wait['incident']}/assign", {"assignee": operator.id})
        self._chat.press(label, operator.chat)
        self._tell("act", who=operator.id, role=operator.role, what=f"pressed 「{label}」 in Slack", template="")

    def _edr_agrees(self, incident: str) -> bool:
        alerts = self._api.call("GET", f"incidents/{incident}").get("alerts", [])
        return any(str(alert.get("rule_id", "")).startswith("vendor:") for alert in alerts)

    def take(self, host: str) -> bool:
        """Take the incident of the copied file over, once it is there; tell whether it was."""
        for incident in self._api.call("GET", "incidents?status=open&category=data_egress")["items"]:
            if host in (incident.get("host"), incident.get("entity")):
                if not incident.get("assignee"):
                    self._api.call("POST", f"incidents/{incident['id']}/assign", {"assignee": "soc-operator01"})
                    self._tell(
                        "act",
                        who="soc-operator01",
                        role="operator",
                        what=f"took incident {incident['number']}",
                        template="",
                    )
                return True
        return False
