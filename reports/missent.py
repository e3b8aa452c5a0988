"""誤送信報告: a mail or chat that went to the wrong person, from the person to the management, then to the board."""

from hinomi.reports import ReportKind, reports
from hinomi.reports.answers import Answers
from hinomi.reports.facts import Facts
from hinomi.reports.fields import OPEN_ANSWERS, YES_NO, ask
from hinomi.reports.infection import PersonalData
from hinomi.reports.internal import JUDGED, NO_NAMES, Happened, Judged, law_and_course, leak, summary
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


def sections(facts: Facts, answers: Answers) -> list[Section]:
    """Return the report's sections."""
    sent = Section(title=SENT, rows=answers.of_section(SENT))
    return [summary(facts, answers), sent, leak(facts, answers), *law_and_course(facts)]


def sections_to_board(facts: Facts, answers: Answers) -> list[Section]:
    """Return those of the report to the board: what was judged comes before the law."""
    sent = Section(title=SENT, rows=answers.of_section(SENT))
    judged = Section(title=JUDGED, rows=answers.of_section(JUDGED))
    return [summary(facts, answers), sent, leak(facts, answers), judged, *law_and_course(facts)]


KIND = reports.register("missent")(
    ReportKind(
        name="missent",
        title="誤送信報告",
        matter="メール・チャット等の誤送信について",
        fields=Missent,
        sections=sections,
        author="teacher",
        to="school_management",
    )
)
TO_BOARD = reports.register("missent_to_board")(
    ReportKind(
        name="missent_to_board",
        title="誤送信報告（教育委員会）",
        matter="メール・チャット等の誤送信について（学校からの報告）",
        fields=MissentToBoard,
        sections=sections_to_board,
        author="school_management",
        to="board",
        carries=("missent",),
    )
)
