"""誤送信報告: a mail or chat that went to the wrong person, from the person to the management, then to the board."""

from hinomi.reports.answers import Answers
from hinomi.reports.facts import Facts
from hinomi.reports.fields import OPEN_ANSWERS, YES_NO, ask
from hinomi.reports.infection import PersonalData
from hinomi.reports.internal import NO_NAMES, Happened, Judged, register
from hinomi.reports.model import Section

SENT = "誤送信の状況"
MEANS = ("メール", "チャット", "ファイル共有", "FAX", "その他", *OPEN_ANSWERS)
RECALLED = ("取り消せた", "取り消せなかった", "試みていない", *OPEN_ANSWERS)


class Sent(Happened):
    """What only the sender knows."""

    means: str | None = ask("送信の手段", "choice", required=True, choices=MEANS, section=SENT)
    recipients: str | None = ask("宛先数", "line", required=True, section=SENT, hint="例：保護者3人、外部の事業者1社")
    content: str | None = ask("送信した内容", required=True, section=SENT, hint=f"種類と件数。{NO_NAMES}")
    attached_locked: str | None = ask("添付ファイルの暗号化・パスワードの有無", "choice", choices=YES_NO, section=SENT)
    recalled: str | None = ask("送信の取り消し", "choice", choices=RECALLED, section=SENT)
    recall: str | None = ask("削除依頼・回収確認", section=SENT, hint="依頼した相手の数、方法、削除したとの返事の有無")


class Missent(PersonalData, Sent):
    """What happened, what was sent, what is feared."""


class MissentToBoard(Judged, Missent):
    """What the management judges, beside what the sender wrote (taken over, and open to correction)."""

    course: str | None = ask("経緯", section="いつ・どこで・何を")
    means: str | None = ask("送信の手段", "choice", choices=MEANS, section=SENT)
    recipients: str | None = ask("宛先数", "line", section=SENT)
    content: str | None = ask("送信した内容", section=SENT)


def _sent(facts: Facts, answers: Answers) -> Section:
    return Section(title=SENT, rows=answers.of_section(SENT))


register(
    "missent",
    title="誤送信報告",
    matter="メール・チャット等の誤送信について",
    own=_sent,
    fields=Missent,
    to_board=MissentToBoard,
)
