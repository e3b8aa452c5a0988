"""Reports: list, show, fill in, submit, and their PDFs."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Acts, Parts, Reads
from hinomi.errors import RefusedError
from hinomi.playbooks.engine.people import holds_role
from hinomi.reports import forms
from hinomi.reports.builder import read_file

router = APIRouter(prefix="/api/v1/reports", tags=["reports"])


class Answers(BaseModel):
    """Answers by the names of the form's fields."""

    model_config = ConfigDict(extra="forbid")

    fields: dict[str, Any] = Field(default_factory=dict)


@router.get("")
def list_reports(
    parts: Parts, who: Reads, limit: int = 50, cursor: str | None = None, incident: str | None = None, kind: str | None = None,
    state: str | None = None, tenant: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """List reports, newest first, without their answers."""
    with parts.state.read() as conn:
        items, after = forms.list_reports(
            conn,
            who.grant,
            limit=min(limit, 1000),
            cursor=cursor,
            incident=incident,
            kind=kind,
            state=state,
            tenant=tenant,
        )
    return {"items": items, "cursor": after}


@router.get("/{ref}")
def get_report(parts: Parts, who: Reads, ref: str) -> dict[str, Any]:
    """Show one report with its form: every question and its answer."""
    with parts.state.read() as conn:
        return forms.get_report(conn, who.grant, ref)


@router.get("/{ref}/pdf")
def pdf(parts: Parts, who: Reads, ref: str) -> Response:
    """Return the PDF as it was sent; reading it is audited."""
    with parts.state.read() as conn:
        report = forms.get_report(conn, who.grant, ref)
    content = read_file(parts.settings, report)
    with parts.state.write() as conn:
        detail = {"number": report["number"], "sha256": report["sha256"] or ""}
        audit.record(
            conn,
            parts.clock.now(),
            actor=who.grant.actor,
            act="report.read",
            object=f"report:{report['id']}",
            tenant=report["tenant"],
            detail=detail,
        )
    return Response(content, media_type="application/pdf")


def _mine(parts: Parts, who: Reads, conn: Any, ref: str) -> dict[str, Any]:
    report = forms.get_report(conn, who.grant, ref)
    who.grant.demand("act", report["tenant"])
    if not holds_role(who.role, report["author_role"]):
        raise RefusedError(f"this report is written by {report['author_role']}, not {who.role or 'no role'}")
    return report


@router.post("/{ref}/fields")
def save_fields(parts: Parts, who: Acts, ref: str, answers: Answers) -> dict[str, Any]:
    """Keep answers of a draft."""
    with parts.state.write() as conn:
        report = _mine(parts, who, conn, ref)
        kept = forms.save_fields(conn, report["id"], answers.fields, who.grant.actor, parts.clock.now())
    return {"id": ref, "fields": kept}


@router.post("/{ref}/submit")
def submit(parts: Parts, who: Acts, ref: str, answers: Answers) -> dict[str, Any]:
    """Submit a report to those who receive it."""
    with parts.state.write() as conn:
        report = _mine(parts, who, conn, ref)
        forms.submit(conn, report["id"], answers.fields, who.grant.actor, parts.clock.now(), parts.engine)
    parts.poke()
    return {"id": ref, "submitted": True}
