"""一次対応報告: what the teacher saw and did, to the school's management within the hour."""

from hinomi.reports import ReportKind, parts, reports
from hinomi.reports.answers import Answers
from hinomi.reports.facts import Facts
from hinomi.reports.fields import OPEN_ANSWERS, YES_NO, Authored, ask
from hinomi.reports.model import Section

FIND, DEVICE, DATA = "発見の状況", "端末と初動", "情報と影響"
CLASS_CHOICES = ("Ⅰ（最高機密）", "Ⅱ（機密）", "Ⅲ（機密）", "Ⅳ（公開）", *OPEN_ANSWERS)
ACTIONS = (
    "電源を切らずに置いた",
    "LANケーブルを抜いた・Wi-Fiを切った",
    "端末に触らずに置いた",
    "管理職に連絡した",
    "電源を切った",
    "何もしていない",
    "その他",
    *OPEN_ANSWERS,
)


class FirstResponse(Authored):
    """What only the person at the PC knows."""

    found_at: str | None = ask(
        "発見日時", "time", section=FIND, hint="異常に気づいた日時。気づかなかったときは空欄で構いません。"
    )
    how: str | None = ask(
        "発見経緯", required=True, section=FIND, hint="例：隔離のお知らせの電話で知った、警告の画面が出た"
    )
    symptom: str | None = ask(
        "症状・表示メッセージ", required=True, section=FIND, hint="画面の文言は、見たとおりに書いてください。"
    )
    last_operation: str | None = ask(
        "直前の操作", section=FIND, hint="例：メールの添付ファイルを開いた。責任を問うものではありません。"
    )
    actions: list[str] | None = ask(
        "実施した初動",
        "choices",
        required=True,
        choices=ACTIONS,
        section=DEVICE,
        hint="電源を切らない／LAN・Wi-Fi切断／触らない",
    )
    spread: str | None = ask(
        "他端末への波及",
        "choice",
        choices=YES_NO,
        section=DEVICE,
        hint="同じような表示や不調が、ほかの端末にもありますか。",
    )
    photos: str | None = ask(
        "添付写真",
        "choice",
        choices=("あり（別途提出）", "なし", *OPEN_ANSWERS),
        section=DEVICE,
        hint="画面の写真は、管理職へ直接渡してください。",
    )
    data: str | None = ask(
        "取扱中の情報", section=DATA, hint="例：2年生の成績一覧、家庭への通知文。児童生徒の氏名は書かないでください。"
    )
    data_class: str | None = ask("取扱中の情報の重要性分類", "choice", choices=CLASS_CHOICES, section=DATA)
    impact: str | None = ask("授業・校務への影響", section=DATA, hint="例：午後の授業は別の端末で行った")


def observation(answers: Answers) -> Section:
    """Return what was found, when, how."""
    return Section(title="発見の状況", rows=answers.rows("found_at", "how", "symptom", "last_operation"))


def at_the_device(facts: Facts, answers: Answers) -> Section:
    """Return the device, the notice and what was done there."""
    rows = [*parts.device_rows(facts), parts.notice_row(facts), *answers.rows("actions", "spread", "photos")]
    return Section(title="端末と初動", rows=rows)


def data_at_hand(facts: Facts, answers: Answers) -> Section:
    """Return which data were in use, their class, and what school lost by it."""
    seen = parts.file_class(facts.incident["file_class"])
    rows = [
        answers.row("data"),
        answers.row("data_class", label="重要性分類", fallback=f"{seen}（記録から）" if seen else ""),
        answers.row("impact"),
    ]
    return Section(title="取扱中の情報と影響", rows=rows)


def sections(facts: Facts, answers: Answers) -> list[Section]:
    """Return the report's sections."""
    return [
        Section(title="報告の概要", rows=parts.case_rows(facts)),
        observation(answers),
        at_the_device(facts, answers),
        data_at_hand(facts, answers),
        Section(title="検知と隔離の状況", rows=[*parts.detection_rows(facts), *parts.isolation_rows(facts)]),
        parts.timeline_section(facts),
    ]


KIND = reports.register("first_response")(
    ReportKind(
        name="first_response",
        title="一次対応報告",
        matter="校務用端末における情報セキュリティ事案の一次対応について",
        fields=FirstResponse,
        sections=sections,
        author="teacher",
        to="school_management",
    )
)
