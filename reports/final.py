"""最終報告書: the operator to the board of education, within fourteen days; never sent unsubmitted.

Its headings hold the nine items of the PPC's report: 概要, 項目, 本人の数, 原因, 二次被害, 本人への対応, 公表, 再発防止, その他.
"""

from hinomi.reports import ReportKind, parts, reports
from hinomi.reports.answers import Answers
from hinomi.reports.facts import Facts
from hinomi.reports.fields import OPEN_ANSWERS, YES_NO, Authored, ask
from hinomi.reports.infection import NOTIFY
from hinomi.reports.model import Section

WHAT, LEAK, DONE, AFTER, SIGN = "事案の全体", "情報の漏えい等", "実施した対応", "その後の対応", "評価と承認"
LEAKED = ("あり", "なし", "おそれあり", *OPEN_ANSWERS)


class Final(Authored):
    """What the operator found out and did, and what will be done so that it does not happen again."""

    summary: str | None = ask(
        "概要", required=True, section=WHAT, hint="いつ、どこで、何が起き、どうなったかを、はじめて読む人に分かるように"
    )
    root_cause: str | None = ask("発生原因・侵入経路", required=True, section=WHAT)
    scope: str | None = ask("影響範囲", required=True, section=WHAT, hint="端末、アカウント、共有フォルダ、授業・校務")
    leak_conclusion: str | None = ask("漏えい等の有無", "choice", required=True, choices=LEAKED, section=LEAK)
    leak_evidence: str | None = ask(
        "漏えい等の判断の根拠", required=True, section=LEAK, hint="どの記録を、いつからいつまで確認したか"
    )
    items: str | None = ask("個人情報の項目", section=LEAK)
    persons: str | None = ask("本人の数（概数）", "line", section=LEAK)
    sensitive: str | None = ask("要配慮個人情報の有無", "choice", choices=YES_NO, section=LEAK)
    my_number: str | None = ask("特定個人情報の有無", "choice", choices=YES_NO, section=LEAK)
    containment: str | None = ask("実施した封じ込め", required=True, section=DONE)
    eradication: str | None = ask("駆除", required=True, section=DONE)
    recovery: str | None = ask("復旧", required=True, section=DONE)
    notify: list[str] | None = ask("外部連絡の要否", "choices", choices=NOTIFY, section=AFTER)
    persons_response: str | None = ask("本人・保護者対応", section=AFTER)
    publication: str | None = ask("公表", section=AFTER, hint="公表の有無、日、方法")
    secondary_damage: str | None = ask("二次被害", section=AFTER, hint="有無と内容、監視の方法")
    prevention: str | None = ask(
        "再発防止策（実施済／予定・担当・期限）",
        required=True,
        section=AFTER,
        hint="1行に一つ：内容／実施済・予定／担当／期限",
    )
    remarks: str | None = ask("その他", section=AFTER)
    evaluation: str | None = ask("評価", section=SIGN, hint="対応でよかった点、改める点")
    approver: str | None = ask("承認者", "line", required=True, section=SIGN)
    approved_on: str | None = ask("承認日", "time", section=SIGN)


def sections(facts: Facts, answers: Answers) -> list[Section]:
    """Return the report's sections."""
    facts_of_isolation = parts.isolation_rows(facts)
    opened = parts.when(facts.incident["opened_at"])
    return [
        Section(
            title="事案の概要",
            rows=[
                *parts.case_rows(facts),
                *parts.device_rows(facts),
                parts.known("事案の開始", opened),
                answers.row("summary"),
            ],
        ),
        Section(title="発生原因・侵入経路", rows=[answers.row("root_cause"), *parts.detection_rows(facts)]),
        Section(
            title="影響範囲",
            rows=[
                answers.row("scope"),
                parts.known("触れられた情報の重要性分類（記録から）", parts.file_class(facts.incident["file_class"])),
            ],
        ),
        Section(
            title="漏えい等の有無と根拠",
            rows=answers.rows("leak_conclusion", "leak_evidence", "items", "persons", "sensitive", "my_number"),
        ),
        Section(
            title="封じ込め・駆除・復旧",
            rows=[*answers.rows("containment", "eradication", "recovery"), *facts_of_isolation],
        ),
        parts.figures_section(facts),
        Section(
            title="本人・保護者対応、公表、再発防止",
            rows=answers.rows("persons_response", "publication", "secondary_damage", "notify", "prevention", "remarks"),
        ),
        Section(title="評価と承認", rows=answers.rows("evaluation", "approver", "approved_on")),
        parts.statutory_section(facts),
        parts.flow_section(facts),
        parts.evidence_section(facts),
        parts.timeline_section(facts),
    ]


KIND = reports.register("final")(
    ReportKind(
        name="final",
        title="最終報告書",
        matter="校務用端末における情報セキュリティ事案の最終報告について",
        fields=Final,
        sections=sections,
        author="operator",
        to="board",
        carries=("infection", "first_response"),
    )
)
