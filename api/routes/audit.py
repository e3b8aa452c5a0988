"""Proof: who exported which file, and whether the chain still holds. Every question is itself audited."""

import json
import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Audits, Parts, Reads
from hinomi.audit.verify import verify
from hinomi.clock import JST
from hinomi.directory import load as load_directory
from hinomi.errors import ConfigError
from hinomi.events import exports
from hinomi.events.bag import bag
from hinomi.events.query import window

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


class Question(BaseModel):
    """Which file, whose, when, through which channel."""

    model_config = ConfigDict(extra="forbid")

    file: str | None = None
    user: str | None = None
    channel: str | None = None
    file_class: str | None = None
    since: str = "30d"
    until: str = "now"
    format: str = Field(default="json", pattern="^(json|csv|jsonl|bag)$")


@router.post("/query", response_model=None)
def query(parts: Parts, who: Audits, question: Question) -> dict[str, Any] | Response:
    """Answer who took which file out, with the coverage line of the answer."""
    now = parts.clock.now()
    since, until = window(question.since, question.until, now)
    with parts.state.read() as conn:
        directory = load_directory(conn)
    silence = {name: source.silence_after for name, source in parts.settings.sources.items()}
    asked = question.model_dump(exclude={"since", "until", "format"}, exclude_none=True)
    answer = exports.who_exported(
        parts.store(), directory, grant=who.grant, since=since, until=until, silence_after=silence,
        names=parts.settings.source_names, **asked,
    )  # fmt: skip
    with parts.state.write() as conn:
        detail = {**asked, "since": since, "until": until, "rows": len(answer.rows)}
        act = "audit.query" if question.format == "json" else "audit.export"
        head = audit.record(
            conn, now, actor=who.grant.actor, act=act, object="egress", tenant=who.grant.tenant, detail=detail
        )
    if act == "audit.export":
        parts.seals.write(head, now)
    answer = answer.recorded(head.records)
    if question.format == "csv":
        return Response(exports.as_csv(answer), media_type="text/csv; charset=utf-8")
    if question.format == "jsonl":
        return Response(exports.as_jsonl(answer), media_type="application/x-ndjson")
    if question.format == "bag":
        return Response(_bag(answer, head, now, who.grant.actor), media_type="application/zip")
    return {
        "items": answer.rows,
        "cursor": None,
        "coverage": answer.coverage.as_dict(),
        "text": answer.coverage.text(),
    }


def _bag(answer: exports.Answer, head: audit.Head, now: datetime, actor: str) -> bytes:
    """Return the answer in every form, and the head of the chain whose last record is this export."""
    head_of = {
        "records": head.records,
        "hash": head.hash,
        "verify": f"hinomi audit verify --head {head.records}:{head.hash}",
    }
    payload = {
        "answer.csv": exports.as_csv(answer),
        "answer.jsonl": exports.as_jsonl(answer),
        "coverage.txt": f"{answer.coverage.text()}\n".encode("utf-8", "replace"),
        "audit-head.json": f"{json.dumps(head_of, indent=1)}\n".encode(),
    }
    about = {
        "External-Description": "Who exported which file",
        "Contact-Name": actor,
        "External-Identifier": f"audit record {head.records}",
    }
    return bag(payload, about, now.astimezone(JST).date())


@router.get("/verify")
def verify_chain(parts: Parts, who: Reads, head: Annotated[list[str] | None, Query()] = None) -> dict[str, Any]:
    """Walk the chain and say whether everything is as it was written; ``head`` = COUNT:HASH, as a report prints it."""
    if "audit" not in who.grant.scopes:
        who.grant.demand("read", "")
    witnesses = [_head(text) for text in head or ()]
    with parts.state.read() as conn:
        verdict = verify(conn, parts.seals, witnesses)
    return {
        "ok": verdict.ok, "records": verdict.count, "head": verdict.head, "seals": verdict.seals,
        "sealed_upto": verdict.sealed_upto, "first_bad": verdict.bad or None, "reason": verdict.reason,
        "bad_seals": list(verdict.bad_seals), "seal_reason": verdict.seal_reason,
    }  # fmt: skip


def _head(text: str) -> audit.Head:
    count, _, digest = text.partition(":")
    if not count.isdigit() or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ConfigError(
            f"{text!r} is no head", hint="write COUNT:HASH, both as the report prints them, without spaces"
        )
    return audit.Head(int(count), digest)


@router.get("/records")
def records(parts: Parts, who: Audits, limit: int = 100, cursor: int | None = None) -> dict[str, Any]:
    """List audit records, newest first, of the caller's subtree."""
    from sqlalchemy import desc, select

    from hinomi.state import t
    from hinomi.tenancy import within

    asked = select(t.audit).order_by(desc(t.audit.c.seq)).limit(min(limit, 1000))
    if cursor is not None:
        asked = asked.where(t.audit.c.seq < cursor)
    with parts.state.read() as conn:
        rows = [{**json.loads(row.record), "hash": row.hash} for row in conn.execute(asked)]
    last = rows[-1]["seq"] if len(rows) == min(limit, 1000) else None
    return {"items": [row for row in rows if within(row["tenant"], who.grant.tenant)], "cursor": last}
