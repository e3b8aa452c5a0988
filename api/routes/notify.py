"""Trials of the channels: does a message arrive, and does a click come back?"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Admins, Parts
from hinomi.clock import iso
from hinomi.errors import ConfigError, NotFoundError
from hinomi.playbooks.channels import Ask, Card, ChannelError, Choice, Message, Room
from hinomi.playbooks.engine.answers import TRIAL
from hinomi.state import get_setting, new_id, set_setting

router = APIRouter(prefix="/api/v1", tags=["notify"])
SUBJECT = "【試験】火の見からの連絡の試験です"
TEXT = "連絡が届くことを確かめるための試験です。対応は必要ありません。"
TRIES, LONGEST_PAUSE = 4, 10.0
CLICK = "試験のため、ボタンを押してください。"


class Trial(BaseModel):
    """Which roles to write to (none: those of the rooms), and whether a click is waited for."""

    model_config = ConfigDict(extra="forbid")

    roles: list[str] = Field(default_factory=list, max_length=20)
    tenant: str = Field(default="", max_length=200, description="Where holders of the roles are looked for.")
    interactive: bool = False


@router.post("/notify/test")
async def send_test(parts: Parts, who: Admins, body: Trial) -> dict[str, Any]:
    """Send one message by each channel that a role is reached by; with `interactive`, one with a button."""
    who.grant.demand("admin", body.tenant)
    trial, now = new_id(), parts.clock.now()
    if body.interactive:
        with parts.state.write() as conn:
            set_setting(conn, f"{TRIAL}.{trial}", {"by": "", "person": "", "role": ""}, iso(now))
    items = [await _in_room(parts, room, trial, body) for room in parts.engine.rooms if _meant(parts, room, body)]
    items += [row for role in body.roles for row in await _to_holders(parts, role, body.tenant, trial)]
    if not items:
        raise ConfigError("no channel to try", hint="write a table [channels.slack], or name a --role for mail")
    waits = body.interactive and any(row["button"] for row in items)
    with parts.state.write() as conn:
        sent = [f"{row['channel']}: {row['answer']}"[:200] for row in items]
        audit.record(conn, now, actor=who.grant.actor, act="notify.test", detail={"sent": sent})
    return {"id": trial if waits else "", "items": items}


@router.get("/notify/test/{trial}")
def trial_of(parts: Parts, who: Admins, trial: str) -> dict[str, Any]:
    """Say who has clicked the button of a trial; nobody yet: empty."""
    with parts.state.read() as conn:
        found = get_setting(conn, f"{TRIAL}.{trial}")
    if found is None:
        raise NotFoundError(f"no trial {trial!r}", hint="hinomi notify test --interactive")
    return {"id": trial, **found}


async def _patiently(send: Callable[[], Awaitable[str]]) -> str:
    """Send again when the other end asks for a pause: the responder writes to the same room at its own pace."""
    for _ in range(TRIES - 1):
        try:
            return await send()
        except ChannelError as error:
            if error.after is None:
                raise
            await asyncio.sleep(min(error.after, LONGEST_PAUSE))
    return await send()


def _roles(parts: Parts, room: Room) -> list[str]:
    return list(parts.settings.channels.get(room.name, {}).get("roles", ()))


def _meant(parts: Parts, room: Room, body: Trial) -> bool:
    return not body.roles or bool(set(body.roles) & set(_roles(parts, room)))


async def _in_room(parts: Parts, room: Room, trial: str, body: Trial) -> dict[str, Any]:
    choice = Choice("押しました", parts.links.make("answer", f"{TRIAL}:{trial}"))
    button = body.interactive and room.answers
    card = Card(SUBJECT, asks=(Ask(CLICK, "", (choice,)),) if button else ())
    row = {"channel": room.name, "role": ", ".join(_roles(parts, room)), "to": "", "button": button}
    try:
        place = await _patiently(lambda: room.show(card, ""))
        answer = await _patiently(lambda: room.add(place, Message(trial, "", SUBJECT, TEXT)))
    except ChannelError as error:
        return {**row, "ok": False, "answer": str(error)}
    return {**row, "ok": True, "answer": answer}


async def _to_holders(parts: Parts, role: str, tenant: str, trial: str) -> list[dict[str, Any]]:
    with parts.state.read() as conn:
        holders = parts.engine.directory(conn).holders(role, tenant)
    items = []
    for n, person in enumerate(holders):
        if not (address := person.mail or person.mail_off):
            continue
        for channel in parts.engine.channels_for(role):
            row = {"channel": channel.name, "role": role, "to": address, "button": False}
            try:
                answer = await _patiently(partial(channel.send, Message(f"{trial}-{n}", address, SUBJECT, TEXT)))
            except ChannelError as error:
                items.append({**row, "ok": False, "answer": str(error)})
            else:
                items.append({**row, "ok": True, "answer": answer})
    return items
