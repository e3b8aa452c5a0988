"""What all pages share: strict headers, errors that are pages, forms that came from their own page, an incident's facts."""

import hashlib
import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from sqlalchemy import Connection, select

from hinomi.api import web
from hinomi.api.deps import Deps
from hinomi.errors import AuthError, ConfigError, Faults, HinomiError, NotFoundError, RefusedError
from hinomi.playbooks.engine import people
from hinomi.playbooks.messages import words
from hinomi.reports.fields import OPEN_ANSWERS, local_time
from hinomi.state import t

Form = dict[str, list[str]]
MOST_BYTES = 256 * 1024
MOST_FIELDS = 300
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
PDF_HEADERS = HEADERS | {"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'"}
ASK_AGAIN = (
    "届いたメールのリンクを、途中で切れていないか確かめて、もう一度開いてください。",
    "リンクの有効期限（90日）が過ぎているときは、教育委員会または事業者へ再送を依頼してください。",
    "急ぐときは、電話で受領や報告の内容を伝えてください。担当者が記録します。",
)


class PageRoute(APIRoute):
    """A route whose errors are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with errors caught around it."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except HinomiError as error:
                return error_page(error)

        return handler


def html_page(template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    """Return a page of a template, with the headers that all have."""
    return HTMLResponse(web.render(template, **facts), status, headers=HEADERS)


def error_page(error: HinomiError) -> HTMLResponse:
    """Return the page that says what went wrong, and what to do."""
    if isinstance(error, AuthError):
        text = "このリンクは無効です。アドレスが途中で切れているか、有効期限が過ぎています。"
        return html_page("error.html", 403, title="このリンクは使えません", text=text, steps=ASK_AGAIN)
    if isinstance(error, NotFoundError):
        return html_page("error.html", 404, title="見つかりません", text=error.message, steps=ASK_AGAIN)
    steps = ("前の画面に戻り、ページを開き直してから、もう一度お試しください。", *ASK_AGAIN[2:])
    return html_page("error.html", error.status, title="受け付けられませんでした", text=error.message, steps=steps)


def deps_of(request: Request) -> Deps:
    """Return the parts behind the pages."""
    found: Deps = request.app.state.deps
    return found


def form_key(token: str) -> str:
    """Return what a POST must bring along: whoever can know it has seen this link's page."""
    return hmac.new(token.encode(), b"hinomi page form", hashlib.sha256).hexdigest()


async def posted_form(request: Request, token: str) -> Form:
    """Return a form's fields.

    Raises:
        RefusedError: If it was not sent from the link's own page.
        ConfigError: If it is too large, or no form.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "same-site", "none"):
        raise RefusedError("ほかのサイトから送られた操作は受け付けません。")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise ConfigError("記入の量が多すぎます。文章を短くしてください。")
    try:
        form = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise ConfigError("送られた内容を読み取れません。") from error
    if not hmac.compare_digest(form.get("csrf", [""])[0].encode(), form_key(token).encode()):
        raise RefusedError("ページの有効性を確認できません。リンクを開き直してください。")
    return form


Posted = Annotated[Form, Depends(posted_form)]
Parts = Annotated[Deps, Depends(deps_of)]


# --- what pages show ---------------------------------------------------------------------------------


def entry(shape: str, value: Any) -> dict[str, Any]:
    """Return how an answer stands in its field: the text, or the chosen ones."""
    values = value if isinstance(value, list) else [value] if value is not None else []
    text = str(values[0]) if values else ""
    picker = text not in OPEN_ANSWERS
    return {"chosen": values, "picker": picker, "text": (local_time(text) or text) if shape == "time" else text}


def told(faults: Faults | None) -> dict[str, Any]:
    """Return what a page with questions says of the answers that do not fit."""
    said = [{"name": str(fault.where or ""), "text": fault.message} for fault in (faults.faults if faults else ())]
    return {"faults": said, "bad_names": {fault["name"] for fault in said}}


def row_of(conn: Connection, table: Any, key: str, what: str) -> dict[str, Any]:
    """Return one row by its id; ``what`` is its name on the page that says there is none."""
    row = conn.execute(select(table).where(table.c.id == key)).first()
    if row is None:
        raise NotFoundError(f"この{what}は見つかりません。削除されたか、別の環境のリンクです。")
    return dict(row._mapping)


def case_of(deps: Deps, conn: Connection, incident_id: str) -> dict[str, Any]:
    """Return what a page says of an incident: no personal names, no file names."""
    incident = row_of(conn, t.incident, incident_id, "事案")
    directory = deps.engine.directory(conn)
    device = people.device_of(directory, incident)
    ref = device.id if device else incident["host"]
    seen = conn.execute(select(t.device_state).where(t.device_state.c.device == ref)).first() if ref else None
    return {
        "number": incident["number"],
        "school": directory.tenant_name(incident["tenant"]),
        "device": (device.asset_no or device.id) if device else incident["host"] or "調査中",
        "matter": words.word(words.CATEGORIES, incident["category"]),
        "detected_at": incident["detected_at"],
        "state": words.word(words.STATES, seen.state) if seen else "未確認",
        "observed_at": seen.observed_at if seen else None,
        "raw_state": seen.state if seen else "",
        "internal": incident["cause"] == "internal",
        "occurred_at": incident["facts"].get("occurred_at"),
        "opened_at": incident["opened_at"],
    }
