"""紛失・盗難報告: a lost or stolen device or medium, from the person to the management, from the management to the board."""

from hinomi.reports import parts
from hinomi.reports.answers import Answers
from hinomi.reports.facts import Facts
from hinomi.reports.fields import OPEN_ANSWERS, YES_NO, ask
from hinomi.reports.infection import PersonalData
from hinomi.reports.internal import NO_NAMES, Happened, Judged, register, remote_rows
from hinomi.reports.model import Section

LOST = "紛失・盗難の状況"


class Lost(Happened):
    """What only the person knows who has lost it."""

    kind: str | None = ask(
        "紛失・盗難の別", "choice", required=True, choices=("紛失", "盗難", *OPEN_ANSWERS), section=LOST
    )
    medium: str | None = ask(
        "媒体・端末", "line", required=True, section=LOST, hint="例：校務用端末、USBメモリ、書類と端末の入ったかばん"
    )
    encrypted: str | None = ask(
        "暗号化・パスワードの有無",
        "choice",
        choices=YES_NO,
        section=LOST,
        hint="端末の起動時やUSBメモリのパスワードなど",
    )
    stored: str | None = ask("保存情報", section=LOST, hint=f"入っていた情報の種類。{NO_NAMES}")
    police_no: str | None = ask(
        "遺失届・盗難届番号", "line", section=LOST, hint="届出先の警察署と番号。未提出のときは「未提出」"
    )


class Loss(PersonalData, Lost):
    """What happened, what was lost, what is feared."""


class LossToBoard(Judged, Loss):
    """What the management judges, beside what the person wrote (taken over, and open to correction)."""

    course: str | None = ask("経緯", section="いつ・どこで・何を")
    medium: str | None = ask("媒体・端末", "line", section=LOST)


def _device(facts: Facts, answers: Answers) -> Section:
    rows = [*parts.device_rows(facts), *answers.of_section(LOST), *remote_rows(facts)]
    return Section(title=LOST, rows=rows)


register(
    "loss",
    title="紛失・盗難報告",
    matter="校務用端末等の紛失・盗難について",
    own=_device,
    fields=Loss,
    to_board=LossToBoard,
)
