"""What the reports on internal causes share: the questions on what happened and on personal data, and their sections."""

from collections.abc import Callable

from hinomi.playbooks.messages import words
from hinomi.reports import ReportKind, parts, reports
from hinomi.reports.answers import Answers
from hinomi.reports.facts import Facts
from hinomi.reports.fields import Authored, ask
from hinomi.reports.infection import LEAK, NOTIFY
from hinomi.reports.model import CLASSES, Grid, Row, Section

WHAT, JUDGED = "いつ・どこで・何を", "管理職の判断と対応"
NO_NAMES = "児童生徒の氏名は書かないでください（「2年生の保護者3名」のように書いてください）。"


class Happened(Authored):
    """What only the person knows to whom it happened."""

    happened_at: str | None = ask("日時", "time", section=WHAT)
    place: str | None = ask("場所", "line", section=WHAT)
    course: str | None = ask(
        "経緯", required=True, section=WHAT, hint="気づいた経緯と、その後にしたこと。責任を問うものではありません。"
    )


class Judged(Authored):
    """What the management adds for the board."""

    status: str | None = ask("現在の対応", required=True, section=JUDGED, hint="いま何をしているか、次に何をするか")
    notify: list[str] | None = ask("外部連絡の要否", "choices", choices=NOTIFY, section=JUDGED)
    persons_response: str | None = ask(
        "本人・保護者への対応", section=JUDGED, hint="連絡した相手と方法、これからの予定"
    )
    prevention: str | None = ask("再発防止策", section=JUDGED, hint="1行に一つ：内容／実施済・予定／担当／期限")
    contact: str | None = ask("連絡先", "line", section=JUDGED, hint="学校の電話番号と、対応している職名")


def reported_rows(facts: Facts) -> list[Row]:
    """Return which incident this is, who has reported it and when."""
    by = facts.incident["facts"].get("reported_by")
    return [
        *parts.report_rows(facts),
        Row(label="対象校", value=facts.school),
        parts.known("最初に連絡した者", facts.who(f"person:{by}") if by else facts.reporter),
        parts.known("最初の連絡の日時", parts.when(facts.incident["opened_at"])),
        parts.known("発生した（気づいた）日時", parts.when(facts.incident["facts"].get("occurred_at"))),
    ]


#: State of a remote act → what is said of it.
_REMOTE = {
    "waiting": "承認待ち（まだ行っていません）",
    "intent": "要求中（未確認）",
    "sent": "要求中（未確認）",
    "accepted": "受付済（端末での実行は未確認）",
    "verified": "実行を確認済",
    "failed": "失敗、または確認できず",
    "manual": "管理画面での対応が必要",
    "skipped": "行っていません",
    "simulated": "模擬（実際には行っていません）",
}


def remote_rows(facts: Facts) -> list[Row]:
    """Return where the remote lock and wipe stand, who has decided on them, and what MDM has said last."""
    rows = []
    for action, label in (("endpoint.lock", "遠隔ロック"), ("endpoint.wipe", "遠隔消去（初期化）")):
        step = facts.step(action)
        if step is None:
            continue
        said = _REMOTE.get(step["state"], str(step["state"])) + (f"：{step['error']}" if step["error"] else "")
        approved = [w for w in facts.waits if w["step"] == step["id"] and w["kind"] == "approval"]
        by = "、".join(facts.approvers(wait["id"]) for wait in approved)
        rows.append(Row(label=label, value=said, note=f"承認：{by}" if by else ""))
        look = step["observation"] or {}
        if look.get("observed_at"):
            rows.append(
                parts.known(
                    f"{label}（MDM状態・最終確認）",
                    f"{look['detail'] or look['state']}（{parts.when(look['observed_at'])}）",
                )
            )
    return rows or [Row(label="遠隔ロック・遠隔消去", value="判断待ち、または行っていません", open=True)]


def decisions_section(facts: Facts) -> Section:
    """Return every decision of a person: what, which way, who, when, why."""
    rows = [
        [parts.short(one["at"]), one["text"], words.word(words.CHOICES, one["choice"]), facts.who(one["actor"]), one["reason"]]
        for one in facts.decisions
    ]  # fmt: skip
    grid = Grid(columns=["日時", "判断・承認", "結果", "判断者", "理由"], widths=[2.1, 3.2, 2.6, 2.6, 3], rows=rows)
    return Section(title="判断と承認の記録", grid=grid)


def summary(facts: Facts, answers: Answers) -> Section:
    """Return which incident this is, and what happened."""
    incident = facts.incident
    rows = [
        *reported_rows(facts),
        parts.known("件名", incident["title_ja"] or incident["title"]),
        parts.known("深刻度", words.word(words.SEVERITIES, incident["severity"])),
        parts.known("最初の連絡の内容", incident["facts"].get("what") or "記載なし"),
        *answers.of_section(WHAT),
    ]
    return Section(title="事案の概要", rows=rows)


def leak(facts: Facts, answers: Answers) -> Section:
    """Return what is feared for personal data, beside what the logs say of its class."""
    counts = facts.incident["facts"].get("contents", {})
    seen = "、".join(f"{CLASSES.get(name, '分類なし')} {count}件" for name, count in counts.items())
    rows: list[Row] = answers.of_section(LEAK)
    if facts.incident["file_class"]:
        rows.append(parts.known("関係する情報の重要性分類（記録から）", parts.file_class(facts.incident["file_class"])))
    if seen:
        rows.append(parts.known("端末内の情報（記録から）", seen, note="内訳は端末内情報一覧による"))
    return Section(title="情報の漏えい等のおそれ", rows=rows)


def law_and_course(facts: Facts) -> list[Section]:
    """Return what the law may ask for, who decided what, and everything that happened."""
    return [parts.statutory_section(facts), decisions_section(facts), parts.timeline_section(facts)]


def _sections(own: Callable[[Facts, Answers], Section]) -> Callable[[Facts, Answers], list[Section]]:
    def sections(facts: Facts, answers: Answers) -> list[Section]:
        judged = answers.of_section(JUDGED)
        first = [summary(facts, answers), own(facts, answers), leak(facts, answers)]
        return [*first, *([Section(title=JUDGED, rows=judged)] if judged else []), *law_and_course(facts)]

    return sections


def register(
    name: str, *, title: str, matter: str, own: Callable[[Facts, Answers], Section], fields: type[Authored], to_board: type[Authored],
) -> None:  # fmt: skip
    """Register a person's report to the management, and ``NAME_to_board``, in which the management takes it over.

    ``own`` makes the section on what only this kind asks.
    """
    sections = _sections(own)
    reports.register(name)(ReportKind(
        name=name, title=title, matter=matter, fields=fields, sections=sections, author="teacher", to="school_management",
    ))  # fmt: skip
    reports.register(f"{name}_to_board")(ReportKind(
        name=f"{name}_to_board", title=f"{title}（教育委員会）", matter=f"{matter}（学校からの報告）", fields=to_board, sections=sections,
        author="school_management", to="board", carries=(name,),
    ))  # fmt: skip
