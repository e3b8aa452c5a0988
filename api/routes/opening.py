"""The page on which somebody of a school reports a lost PC or a mis-sent message. No log-in: the link is theirs, and signed.

Opening it changes nothing; the button opens the incident, once for one PC or one message.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from hinomi.api.deps import Deps
from hinomi.api.web.common import Form, PageRoute, Parts, Posted, case_of, entry, form_key, html_page, told
from hinomi.clock import parse_iso
from hinomi.directory import Directory, Person
from hinomi.errors import ConfigError, ConflictError, Faults, NotFoundError
from hinomi.playbooks.incidents import reported
from hinomi.playbooks.incidents.reported import KindName, Report
from hinomi.reports.fields import OPEN_ANSWERS, Authored, ask, check, form_fields
from hinomi.tenancy import Grant

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PURPOSE = "open"
"""What the link is for; its id is the person's."""
KINDS: dict[str, KindName] = {
    "端末の紛失・盗難": "lost_device",
    "メール・チャットなどの誤送信": "missent",
}
STEPS: dict[str, tuple[str, ...]] = {
    "lost_device": (
        "管理職（校長・副校長・教頭）へ、口頭または電話でも伝えてください。",
        "最後に使った場所、乗った電車やバス、立ち寄った店へ、電話で確認してください。",
        "警察へ遺失届（盗まれたおそれがあるときは盗難届）を出し、番号を控えてください。",
        "端末で使っていたパスワードを、別の端末から変更してください。",
        "端末が見つかっても電源を入れず、管理職へ連絡してください。",
        "「紛失・盗難報告」の記入のお願いが届いたら、分かる範囲で早めに提出してください。",
    ),
    "missent": (
        "管理職（校長・副校長・教頭）へ、口頭または電話でも伝えてください。",
        "送信の取り消しができるときは、すぐに取り消してください。",
        "宛先への連絡は、管理職と相談してから行ってください。誤って送った内容を、もう一度書かないでください。",
        "送ったメールやチャットは消さずに残してください（確認に必要です）。",
        "「誤送信報告」の記入のお願いが届いたら、分かる範囲で早めに提出してください。",
    ),
}
NO_DEVICE = "端末を特定できません。資産番号または端末名を確かめてください（報告できるのは、校内の端末です）。"
AHEAD = "日時が、いまより先になっています。"


class Opening(Authored):
    """What is asked of whoever reports."""

    kind: str | None = ask("起きたこと", "choice", required=True, choices=tuple(KINDS))
    device: str | None = ask(
        "端末の資産番号または端末名",
        "line",
        hint="端末をなくしたときに書いてください。番号は管理台帳や端末のシールにあります。",
    )
    occurred_at: str | None = ask(
        "日時", "time", hint="なくしたことに気づいた日時、または送信した日時。分からないときは空欄で構いません。"
    )
    what: str | None = ask(
        "状況", required=True, hint="例：帰宅の電車にかばんごと置き忘れた。別の保護者へ学級名簿を送った。"
    )


def _person(directory: Directory, deps: Deps, token: str) -> Person:
    ref = deps.links.read(PURPOSE, token)
    found = next((person for person in directory.people if person.id == ref), None)
    if found is None or not found.tenant:
        raise NotFoundError("このリンクの持ち主は、いまの名簿にありません。")
    return found


def _form(
    directory: Directory, token: str, person: Person, *, given: Form | None = None, faults: Faults | None = None
) -> HTMLResponse:
    own = [device.asset_no or device.id for device in directory.devices if device.owner == person.id]
    values: dict[str, Any] = given if given is not None else {"device": own} if len(own) == 1 else {}
    questions = [{**vars(q), "carried": "", **entry(q.shape, values.get(q.name, []))} for q in form_fields(Opening)]
    return html_page(
        "open.html", 422 if faults else 200, school=directory.tenant_name(person.tenant), sections=[("報告", questions)],
        **told(faults), action=f"/i/{token}", csrf=form_key(token),
    )  # fmt: skip


@router.get("/i/{token}")
def show_form(deps: Parts, token: str) -> HTMLResponse:
    """Show the form."""
    with deps.state.read() as conn:
        directory = deps.engine.directory(conn)
    return _form(directory, token, _person(directory, deps, token))


@router.post("/i/{token}")
def report(deps: Parts, token: str, posted: Posted) -> HTMLResponse:
    """Open the incident, or join the one that is open for the same PC or message."""
    now = deps.clock.now()
    with deps.state.read() as conn:
        directory = deps.engine.directory(conn)
    person = _person(directory, deps, token)
    try:
        given = _report(person, posted)
        if given.occurred_at and given.occurred_at > now + reported.AHEAD:
            raise Faults([ConfigError(AHEAD, where="occurred_at")])
        grant = Grant(f"person:{person.id}", person.tenant, frozenset({"act"}))
        with deps.state.write() as conn:
            opened = reported.open_reported(conn, directory, grant, given, now, deps.engine.on_incident)
            case, live = case_of(deps, conn, opened.incident), reported.is_live(conn, opened.incident)
    except Faults as faults:
        return _form(directory, token, person, given=posted, faults=faults)
    except (ConfigError, ConflictError, NotFoundError):
        return _form(directory, token, person, given=posted, faults=Faults([ConfigError(NO_DEVICE, where="device")]))
    deps.poke()
    return html_page("opened.html", case=case, fresh=opened.fresh, live=live, steps=STEPS[given.kind])


def _report(person: Person, posted: Form) -> Report:
    """Return what was posted.

    Raises:
        Faults: Naming every answer that is missing or does not fit.
    """
    answers = {name: posted.get(name, []) for name in Opening.model_fields}
    kept = {name: str(value) for name, value in check(Opening, answers, complete=True).items()}
    if kept["kind"] not in KINDS:
        raise Faults([ConfigError("「起きたこと」を選んでください", where="kind")])
    moment = kept.get("occurred_at", "")
    return Report(
        kind=KINDS[kept["kind"]],
        reported_by=person.id,
        device=kept.get("device", ""),
        occurred_at=parse_iso(moment) if moment and moment not in OPEN_ANSWERS else None,
        what=kept["what"],
    )
