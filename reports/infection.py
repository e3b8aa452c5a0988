"""感染報告（第一報）: the school's management to the board of education, within four hours."""

from hinomi.playbooks.messages import words
from hinomi.reports import ReportKind, parts, reports
from hinomi.reports.answers import Answers
from hinomi.reports.facts import Facts
from hinomi.reports.fields import OPEN_ANSWERS, YES_NO, Authored, ask
from hinomi.reports.first_response import ACTIONS, FirstResponse, at_the_device, data_at_hand, observation
from hinomi.reports.model import Row, Section

REPORT, LEAK = "この報告で判断すること", "情報の漏えい等"
CATEGORIES = ("感染", "不正アクセス", "紛失・盗難", "誤送信", "その他", *OPEN_ANSWERS)
NOTIFY = ("警察", "個人情報保護委員会", "都道府県教育委員会", "保護者", "不要と考える", *OPEN_ANSWERS)
BY_CATEGORY = {
    "malware": "感染",
    "intrusion": "不正アクセス",
    "credential": "不正アクセス",
    "account": "不正アクセス",
    "lost_device": "紛失・盗難",
    "missent": "誤送信",
}


class PersonalData(Authored):
    """What is feared for personal data."""

    leak_possible: str | None = ask("漏えい等のおそれ", "choice", required=True, choices=YES_NO, section=LEAK)
    items: str | None = ask("個人情報の項目", section=LEAK, hint="例：氏名、住所、成績。項目名だけを書いてください。")
    persons: str | None = ask(
        "本人の数（概数）", "line", section=LEAK, hint="例：約120人。100人を超えると報告の対象になり得ます。"
    )
    sensitive: str | None = ask(
        "要配慮個人情報の有無",
        "choice",
        choices=YES_NO,
        section=LEAK,
        hint="病歴、障害、健康診断の結果、犯罪の被害など",
    )
    my_number: str | None = ask(
        "特定個人情報の有無", "choice", choices=YES_NO, section=LEAK, hint="マイナンバーを含む情報"
    )


class Infection(PersonalData, FirstResponse):
    """What the management judges, beside what the teacher wrote (taken over, and open to correction)."""

    how: str | None = ask("発見経緯", section="発見の状況")
    symptom: str | None = ask("症状・表示メッセージ", section="発見の状況")
    actions: list[str] | None = ask("実施した初動", "choices", choices=ACTIONS, section="端末と初動")
    category: str | None = ask("事案区分", "choice", choices=CATEGORIES, section=REPORT)
    affected: str | None = ask("影響端末・アカウント数", "line", section=REPORT, hint="例：端末1台、アカウント1件")
    notify: list[str] | None = ask(
        "外部連絡の要否", "choices", choices=NOTIFY, section=REPORT, hint="警察・PPC・都道府県教委・保護者"
    )
    status: str | None = ask("現在の対応", required=True, section=REPORT, hint="いま何をしているか、次に何をするか")
    next_report_at: str | None = ask("次報予定時刻", "time", section=REPORT)
    contact: str | None = ask("連絡先", "line", section=REPORT, hint="学校の電話番号と、対応している職名")


def subject_rows(facts: Facts, answers: Answers) -> list[Row]:
    """Return what kind of incident it is, and how grave."""
    incident = facts.incident
    accounts = len(incident["facts"].get("users", ()))
    affected = f"端末{1 if incident['host'] else 0}台、アカウント{accounts}件（記録から）"
    return [
        parts.known("件名", incident["title_ja"] or incident["title"]),
        answers.row("category", fallback=BY_CATEGORY.get(incident["category"], "その他")),
        parts.known("要因", words.word(words.CAUSES, incident["cause"])),
        parts.known("深刻度", words.word(words.SEVERITIES, incident["severity"])),
        answers.row("affected", fallback=affected),
    ]


def leak_rows(answers: Answers) -> list[Row]:
    """Return what is feared for personal data."""
    return answers.rows("leak_possible", "items", "persons", "sensitive", "my_number", "notify")


def sections(facts: Facts, answers: Answers) -> list[Section]:
    """Return the report's sections."""
    case = parts.case_rows(facts)
    return [
        Section(
            title="事案の概要",
            rows=[*case[:5], *subject_rows(facts, answers), *answers.rows("status", "next_report_at", "contact")],
        ),
        Section(title="検知の内容", rows=[*case[5:], *parts.detection_rows(facts)]),
        Section(title="隔離の状況", rows=parts.isolation_rows(facts)),
        Section(title="情報の漏えい等のおそれ", rows=leak_rows(answers)),
        observation(answers),
        at_the_device(facts, answers),
        data_at_hand(facts, answers),
        parts.statutory_section(facts),
        parts.flow_section(facts),
        parts.timeline_section(facts),
    ]


KIND = reports.register("infection")(
    ReportKind(
        name="infection",
        title="感染報告（第一報）",
        matter="校務用端末における情報セキュリティ事案の発生について（第一報）",
        fields=Infection,
        sections=sections,
        author="school_management",
        to="board",
        carries=("first_response",),
    )
)
