"""Hunts: rules over what is stored, as a stream of JSON lines: hits as they are found, how far it is, what it came to."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from hashlib import sha256
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Caller, Parts, Reads
from hinomi.api.deps import Deps
from hinomi.clock import iso
from hinomi.detections.carrying import carried
from hinomi.detections.hunting import Step, chosen, hunt
from hinomi.detections.offline.rules import written
from hinomi.directory import load as load_directory
from hinomi.errors import ConfigError, HinomiError
from hinomi.events.query import window
from hinomi.hits import hit_of
from hinomi.playbooks.incidents import alerts

router = APIRouter(prefix="/api/v1/hunts", tags=["hunts"])


class Hunt(BaseModel):
    """Which rules, over which window; ``raise`` makes alerts, which never start a live playbook.

    ``text`` holds rules that are being written, as they stand in their files; ``rules`` are then ids in it.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    rules: list[str] = Field(min_length=1, max_length=5000)
    since: str = "30d"
    until: str = "now"
    raise_: bool = Field(default=False, alias="raise")
    reason: str = Field(default="", max_length=500)
    text: str = Field(default="", max_length=1 << 20)


@router.post("")
def start(parts: Parts, who: Reads, asked: Hunt) -> StreamingResponse:
    """Hunt; each line is one of ``{"hit": …}``, ``{"upto": …}``, ``{"fault": …}``, ``{"done": …}``, ``{"error": …}``."""
    if asked.raise_:
        who.grant.demand("act")
    since, until = window(asked.since, asked.until, parts.clock.now())
    if asked.text and asked.raise_:
        raise ConfigError(
            "a rule that is being written raises nothing", hint="hinomi rule add brings it, hinomi hunt --raise raises"
        )
    with written(asked.text, parts.settings.rules.lists) if asked.text else nullcontext(parts.rules()) as ruleset:
        rules = chosen(ruleset, asked.rules)
    steps = hunt(parts.store(), ruleset, rules, since, until, who.grant)
    detail = {
        "rules": rules[:20],
        "count": len(rules),
        "since": since,
        "until": until,
        "raise": asked.raise_,
        "reason": asked.reason,
        **({"sha256": sha256(asked.text.encode()).hexdigest()} if asked.text else {}),
    }
    with parts.state.write() as conn:
        audit.record(
            conn, parts.clock.now(), actor=who.grant.actor, act="events.hunt", tenant=who.grant.tenant, detail=detail
        )
    lines = _lines(parts, who, steps, since, ruleset.generation, asked.raise_)
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _lines(
    parts: Deps, who: Caller, steps: Iterator[Step], since: str, generation: int, raising: bool
) -> Iterator[str]:
    events = hits = raised = 0
    yield _line(upto=since)
    try:
        for step in steps:
            events += step.events
            hits += len(step.hits)
            for rule, event in step.hits:
                hit = {"rule_id": rule.id, "title": rule.title, "level": rule.level, "timestamp": event["@timestamp"]}
                hit |= {
                    "event_id": event["event.id"],
                    "host": event.get("host.name"),
                    "tenant": event.get("hinomi.tenant", ""),
                }
                yield _line(hit=hit)
            for fault in step.faults:
                yield _line(fault={"rule": fault.rule, "reason": fault.reason})
            if raising and step.hits:
                raised += _raise(parts, step, generation)
            yield _line(upto=step.upto, events=events, hits=hits)
    except HinomiError as error:  # the answer has begun: its last line says that it is not whole
        yield _line(error=str(error))
        return
    yield _line(done={"events": events, "hits": hits, "alerts": raised})


def _line(**content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, default=str) + "\n"


def _raise(parts: Deps, step: Step, generation: int) -> int:
    now = parts.clock.now()
    made = [
        hit_of(rule, event, generation=generation, received=iso(now), live=False, fields=carried(event, rule.fields))
        for rule, event in step.hits
        if not rule.silent
    ]  # fmt: skip
    with parts.state.write() as conn:
        found = alerts.record_hits(
            conn, made, now=now, directory=load_directory(conn), on_change=parts.engine.on_incident
        )
    return len(found.alerts)
