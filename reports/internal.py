"""紛失・盗難／誤送信の報告: internal causes, the person to the management, then to the board."""

from hinomi.reports import ReportKind, parts, reports
from hinomi.reports.answers import Answers
from hinomi.reports.facts import Facts
from hinomi.reports.fields import OPEN_ANSWERS, YES_NO, Authored, ask
from hinomi.reports.infection import NOTIFY
from hinomi.reports.model import Section

WHAT, LOST, SENT, LEAK = "いつ・どこで・何を", "紛失・盗難のとき", "誤送信のとき", "情報の漏えい等"
KINDS = ("紛失", "盗難", "誤送信", "その他", *OPEN_ANSWERS)


class Internal(Authored):
    """What only the person knows to whom it happened."""

    kind: str | None = ask("事案区分", "choice", required=True, choices=KINDS, section=WHAT)
    happened_at: str | None = ask("日時", "time", section=WHAT, hint="最後に手元にあった時刻、または送信した時刻")
    place: str | None = ask("場所", "line", section=WHAT)
    medium: str | None = ask(
        "媒体・端末", "line", required=True, section=WHAT, hint="例：校務用端末、USBメモリ、メール、チャット"
    )
    course: str | None = ask("経緯", required=True, section=WHAT)
    encrypted: str | None = ask("暗号化・パスワードの有無", "choice", choices=YES_NO, section=LOST)
    stored: str | None = ask(
        "保存情報", section=LOST, hint="入っていた情報の種類。児童生徒の氏名は書かないでください。"
    )
    mdm_last_seen: str | None = ask("MDM状態・最終通信", "line", section=LOST)
    police_no: str | None = ask("遺失届・盗難届番号", "line", section=LOST)
    wipe_decision: str | None = ask("遠隔ロック・消去の判断者と時刻", "line", section=LOST)
    recipients: str | None = ask("宛先数", "line", section=SENT, hint="例：保護者3人")
    content: str | None = ask("送信した内容", section=SENT)
    recall: str | None = ask("削除依頼・回収確認", section=SENT)
    leak_possible: str | None = ask("漏えい等のおそれ", "choice", required=True, choices=YES_NO, section=LEAK)
    items: str | None = ask("個人情報の項目", section=LEAK)
    persons: str | None = ask("本人の数（概数）", "line", section=LEAK)
    sensitive: str | None = ask("要配慮個人情報の有無", "choice", choices=YES_NO, section=LEAK)
    my_number: str | None = ask("特定個人情報の有無", "choice", choices=YES_NO, section=LEAK)
    notify: list[str] | None = ask("外部連絡の要否", "choices", choices=NOTIFY, section=LEAK)
    contact: str | None = ask("連絡先", "line", section=LEAK)


def sections(facts: Facts, answers: Answers) -> list[Section]:
    """Return the report's sections."""
    device = parts.known("対象の端末", facts.device_name)
    return [
        Section(title="事案の概要", rows=[*parts.case_rows(facts), *answers.of_section(WHAT), device]),
        Section(title="紛失・盗難の状況", rows=answers.of_section(LOST)),
        Section(title="誤送信の状況", rows=answers.of_section(SENT)),
        Section(title="情報の漏えい等のおそれ", rows=answers.of_section(LEAK)),
        parts.statutory_section(facts),
        parts.timeline_section(facts),
    ]


KIND = reports.register("internal")(
    ReportKind(
        name="internal",
        title="紛失・盗難・誤送信報告",
        matter="紛失・盗難・誤送信に関する事案について",
        fields=Internal,
        sections=sections,
        author="teacher",
        to="school_management",
    )
)
