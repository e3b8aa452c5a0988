"""Pages that the links in messages open: receipts, report forms, reports. No log-in: the link is signed.

A GET changes nothing but `opened_at` (mail scanners open links); the POST of the button counts, once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection, select

from hinomi import audit
from hinomi.api import web
from hinomi.api.deps import Deps
from hinomi.api.web.common import (
    HEADERS,
    PDF_HEADERS,
    Form,
    PageRoute,
    Parts,
    Posted,
    case_of,
    entry,
    form_key,
    html_page,
    row_of,
)
from hinomi.errors import ConflictError, Faults, NotFoundError, RefusedError
from hinomi.playbooks.engine import library, people
from hinomi.reports import forms, reports
from hinomi.reports.builder import read_file
from hinomi.state import t

STEPS = {
    "isolation_notice": (
        "端末の電源は切らないでください。",
        "端末には触れず、そのままにしてください。LANケーブルやUSBメモリを抜き差ししないでください。",
        "管理職（校長・副校長・教頭）へ口頭で伝えてください。",
    ),
    "lost_notice": (
        "本人に電話などで連絡し、最後に使った場所と、入っていた情報を確認してください。",
        "別に届く「判断のお願い」のページから、遠隔ロック・遠隔消去を行うかを判断してください。",
        "盗まれたおそれがあるときは、警察へ届け出るよう本人に伝えてください。",
    ),
    "missent_notice": (
        "本人に電話などで連絡し、宛先と送った内容を確認してください。",
        "別に届く「判断のお願い」のページから、送信の取り消しと削除の依頼を行うかを判断してください。",
        "宛先へは、学校から削除をお願いします。お詫びの連絡に、誤って送った情報をもう一度書かないでください。",
    ),
    "release_notice": (
        "端末を再起動し、ネットワークにつながることを確認してください。",
        "見慣れない表示や動きがあれば、使用をやめて連絡してください。",
    ),
}
STEPS_FAILED = (
    "LANケーブルを抜き、Wi-Fi を切ってください（できる場合）。",
    "端末の電源は切らないでください。ほかの操作もしないでください。",
    "管理職（校長・副校長・教頭）へ、すぐに口頭で伝えてください。",
)
router = APIRouter(route_class=PageRoute, include_in_schema=False)


def _receipt(conn: Connection, receipt_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    receipt = row_of(conn, t.receipt, receipt_id, "お知らせ")
    return receipt, row_of(conn, t.wait, receipt["wait"], "お知らせ")


def _steps(conn: Connection, wait: Mapping[str, Any], case: Mapping[str, Any]) -> Sequence[str]:
    """Return what to do, by the message that is to be received and what was observed."""
    template = {3: "isolation_notice", 9: "release_notice"}.get(wait["flow"] or 0) or _template(conn, wait)
    if template == "isolation_notice" and case["raw_state"] not in ("isolated", "pending_isolation"):
        step = conn.execute(
            select(t.step.c.state).where((t.step.c.run == wait["run"]) & (t.step.c.action == "endpoint.isolate"))
        )
        if any(state in ("failed", "manual") for state in step.scalars()):
            return STEPS_FAILED
    return STEPS.get(template, ())


def _template(conn: Connection, wait: Mapping[str, Any]) -> str:
    """Return the template of the step whose message is to be received."""
    asked = select(t.run.c.sha256, t.step.c.name).join(t.step, t.step.c.run == t.run.c.id)
    row = conn.execute(asked.where(t.step.c.id == wait["step"])).first()
    return library.pinned(conn, row.sha256).step(row.name).template or "" if row and row.sha256 else ""


# --- receipts ----------------------------------------------------------------------------------------


def _receipt_page(deps: Deps, conn: Connection, token: str, receipt_id: str, *, fresh: bool) -> HTMLResponse:
    receipt, wait = _receipt(conn, receipt_id)
    case = case_of(deps, conn, wait["incident"])
    return html_page(
        "receipt.html", title=wait["text"].removesuffix("の受領") or "お知らせ", case=case, steps=_steps(conn, wait, case), fresh=fresh,
        received_at=receipt["received_at"], due_at=wait["due_at"], action=f"/r/{token}", csrf=form_key(token),
    )  # fmt: skip


@router.get("/r/{token}")
def receipt_page(deps: Parts, token: str) -> HTMLResponse:
    """Show what is to be received."""
    receipt_id = deps.links.read("receipt", token)
    with deps.state.write() as conn:
        _receipt(conn, receipt_id)
        deps.engine.opened(conn, receipt_id, deps.clock.now())
        return _receipt_page(deps, conn, token, receipt_id, fresh=False)


@router.post("/r/{token}")
def receive(deps: Parts, token: str, posted: Posted) -> HTMLResponse:
    """Count a receipt, once."""
    receipt_id = deps.links.read("receipt", token)
    with deps.state.write() as conn:
        _receipt(conn, receipt_id)
        fresh = deps.engine.receive(conn, receipt_id, "page", deps.clock.now())
        page = _receipt_page(deps, conn, token, receipt_id, fresh=fresh)
    deps.poke()
    return page


# --- reports to read ---------------------------------------------------------------------------------


def _report_link(deps: Deps, token: str) -> tuple[str, str]:
    report_id, _, receipt_id = deps.links.read("report", token).partition(":")
    return report_id, receipt_id


def _titled(report: dict[str, Any]) -> dict[str, Any]:
    return {**report, "title": reports.get(report["kind"]).title}


def _report_page(deps: Deps, conn: Connection, token: str, *, fresh: bool) -> HTMLResponse:
    report_id, receipt_id = _report_link(deps, token)
    report = _titled(forms.by_id(conn, report_id))
    receipt, wait = _receipt(conn, receipt_id) if receipt_id else ({"received_at": None}, {"due_at": None})
    return html_page(
        "report.html", report=report, case=case_of(deps, conn, report["incident"]), fresh=fresh, received_at=receipt["received_at"],
        due_at=wait["due_at"], action=f"/p/{token}" if receipt_id else "", pdf=f"/p/{token}/pdf", csrf=form_key(token),
    )  # fmt: skip


@router.get("/p/{token}")
def report_page(deps: Parts, token: str) -> HTMLResponse:
    """Show which report it is, with a link to its file."""
    _, receipt_id = _report_link(deps, token)
    with deps.state.write() as conn:
        if receipt_id:
            deps.engine.opened(conn, receipt_id, deps.clock.now())
        return _report_page(deps, conn, token, fresh=False)


@router.post("/p/{token}")
def receive_report(deps: Parts, token: str, posted: Posted) -> HTMLResponse:
    """Count the receipt of a report, once."""
    _, receipt_id = _report_link(deps, token)
    with deps.state.write() as conn:
        _receipt(conn, receipt_id)
        fresh = deps.engine.receive(conn, receipt_id, "page", deps.clock.now())
        page = _report_page(deps, conn, token, fresh=fresh)
    deps.poke()
    return page


def _pdf(deps: Deps, report: dict[str, Any], actor: str) -> Response:
    """Return a report's file as it was sent; reading it is audited."""
    content = read_file(deps.settings, report)
    with deps.state.write() as conn:
        detail = {"number": report["number"], "sha256": report["sha256"]}
        audit.record(
            conn,
            deps.clock.now(),
            actor=actor,
            act="report.read",
            object=f"report:{report['id']}",
            tenant=report["tenant"],
            detail=detail,
        )
    name = f"{report['number']}.pdf"
    return Response(
        content,
        media_type="application/pdf",
        headers=PDF_HEADERS | {"Content-Disposition": f'inline; filename="{name}"'},
    )


@router.get("/p/{token}/pdf")
def report_pdf(deps: Parts, token: str) -> Response:
    """Return the file to its reader."""
    report_id, receipt_id = _report_link(deps, token)
    with deps.state.read() as conn:
        report = forms.by_id(conn, report_id)
        person = _receipt(conn, receipt_id)[0]["person"] if receipt_id else ""
    return _pdf(deps, report, f"person:{person}" if person else "system")


# --- reports to write --------------------------------------------------------------------------------


def _form_link(deps: Deps, token: str) -> tuple[str, str]:
    report_id, _, person = deps.links.read("form", token).partition(":")
    return report_id, person


def _is_author(deps: Deps, conn: Connection, report: Mapping[str, Any], person: str) -> bool:
    """Tell whether a link's holder is asked for this report (a reader without a receipt has such a link too)."""
    incident = row_of(conn, t.incident, report["incident"], "事案")
    found = people.recipients(deps.engine.directory(conn), incident, report["author_role"])
    return not found or any(one.person.id == person for one in found)


def _form_page(
    deps: Deps,
    conn: Connection,
    token: str,
    report: dict[str, Any],
    *,
    given: Form | None = None,
    faults: Faults | None = None,
    saved_at: Any = None,
) -> HTMLResponse:
    questions: dict[str, list[dict[str, Any]]] = {}
    for question in forms.form(conn, report):
        value = question["value"]
        if given is not None and ("whole" in given or question["name"] in given):
            value = given.get(question["name"], [])
        questions.setdefault(question["section"] or "記入", []).append({**question, **entry(question["shape"], value)})
    said = [{"name": str(fault.where or ""), "text": fault.message} for fault in (faults.faults if faults else ())]
    return html_page(
        "form.html", 422 if faults else 200, report=_titled(report), case=case_of(deps, conn, report["incident"]),
        sections=list(questions.items()), faults=said, bad_names={fault["name"] for fault in said}, saved_at=saved_at,
        action=f"/f/{token}", csrf=form_key(token),
    )  # fmt: skip


def _submitted_page(deps: Deps, conn: Connection, token: str, report: dict[str, Any], *, fresh: bool) -> HTMLResponse:
    case = case_of(deps, conn, report["incident"])
    return html_page("submitted.html", report=_titled(report), case=case, fresh=fresh, pdf=f"/f/{token}/pdf")


@router.get("/f/{token}")
def form_page(deps: Parts, token: str) -> HTMLResponse:
    """Show a report's form, or that it was submitted."""
    report_id, person = _form_link(deps, token)
    with deps.state.read() as conn:
        report = forms.by_id(conn, report_id)
        if report["submitted_at"] or not _is_author(deps, conn, report, person):
            return _submitted_page(deps, conn, token, report, fresh=False)
        return _form_page(deps, conn, token, report)


@router.post("/f/{token}")
def fill(deps: Parts, token: str, posted: Posted) -> HTMLResponse:
    """Save a draft (``act=save``) or submit (``act=submit``)."""
    report_id, person = _form_link(deps, token)
    submitting = posted.get("act", ["save"])[0] == "submit"
    now, actor = deps.clock.now(), f"person:{person}"
    try:
        with deps.state.write() as conn:
            report = forms.by_id(conn, report_id)
            if report["submitted_at"]:
                return _submitted_page(deps, conn, token, report, fresh=False)
            if not _is_author(deps, conn, report, person):
                raise RefusedError("この報告の作成者ではないため、記入できません。")
            fields = _answers(report["kind"], posted)
            if submitting:
                report = forms.submit(conn, report_id, fields, actor, now, deps.engine)
                page = _submitted_page(deps, conn, token, report, fresh=True)
            else:
                forms.save_fields(conn, report_id, fields, actor, now)
                page = _form_page(deps, conn, token, forms.by_id(conn, report_id), saved_at=now)
    except Faults as faults:
        return _not_taken(deps, token, posted, faults, actor)
    except ConflictError:
        with deps.state.read() as conn:
            return _submitted_page(deps, conn, token, forms.by_id(conn, report_id), fresh=False)
    if submitting:
        deps.poke()
    return page


def _answers(kind: str, posted: Form) -> dict[str, Any]:
    """Return the posted answers; in a whole form, a choice that is not there was taken back."""
    found: dict[str, Any] = {}
    for question in forms.fields_for(kind):
        if question.name in posted or ("whole" in posted and question.shape in ("choice", "choices")):
            found[question.name] = posted.get(question.name, [])
    return found


def _not_taken(deps: Deps, token: str, posted: Form, faults: Faults, actor: str) -> HTMLResponse:
    """Show the form again with what is wrong; the answers that are right are kept as a draft."""
    report_id, _ = _form_link(deps, token)
    wrong = {str(fault.where) for fault in faults.faults}
    with deps.state.write() as conn:
        report = forms.by_id(conn, report_id)
        right = {name: value for name, value in _answers(report["kind"], posted).items() if name not in wrong}
        forms.save_fields(conn, report_id, right, actor, deps.clock.now())
        return _form_page(deps, conn, token, report, given=posted, faults=faults)


@router.get("/f/{token}/pdf")
def form_pdf(deps: Parts, token: str) -> Response:
    """Return the file to its author."""
    report_id, person = _form_link(deps, token)
    with deps.state.read() as conn:
        report = forms.by_id(conn, report_id)
    return _pdf(deps, report, f"person:{person}")


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Return a style sheet."""
    content = web.static(name)
    if content is None:
        raise NotFoundError("このファイルはありません。")
    kind = "text/css; charset=utf-8" if name.endswith(".css") else "application/octet-stream"
    return Response(content, media_type=kind, headers={**HEADERS, "Cache-Control": "public, max-age=3600"})
