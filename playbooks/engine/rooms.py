"""Rooms of an installation: which are told of an incident, where its card is, and what the card says.

A room is read by several people, so nothing in it is anybody's own: no personal names, no link that counts for one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from hinomi.clock import JST, iso, parse_iso
from hinomi.playbooks.channels import Answered, Ask, Card, Choice, Room
from hinomi.playbooks.engine import people, rows
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.messages import words
from hinomi.playbooks.messages.names import role_name
from hinomi.state import get_setting, new_id, set_setting, t
from hinomi.tenancy import within

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

RECEIVED = "received"
ORDER = ("approval", "decision", "receipt", "task")
"""What is asked first."""
GRAVE = ("approve", "not_possible")
ANSWERS_SHOWN = 8


def told(engine: "Engine", role: str, tenant: str) -> list[Room]:
    """Return the rooms in which a role is told of a tenant's incidents."""
    return [room for room in engine.rooms if role in _roles(engine, room) and within(tenant, _ceiling(engine, room))]


def _roles(engine: "Engine", room: Room) -> tuple[str, ...]:
    return tuple(engine.settings.channels.get(room.name, {}).get("roles", ()))


def _ceiling(engine: "Engine", room: Room) -> str:
    return str(engine.settings.channels.get(room.name, {}).get("tenant", ""))


def _key(room: Room, incident: str) -> str:
    return f"room.{room.name}.{incident}"


def place(conn: Connection, room: Room, incident: str) -> str:
    """Return where an incident's card is; empty if there is none."""
    return str(get_setting(conn, _key(room, incident), {}).get("place", ""))


def answer_to(conn: Connection, room: Room, incident: str, group: str) -> str:
    """Return what the room said to a message that went to several holders of a role; empty if it was not sent yet."""
    return str(get_setting(conn, _key(room, incident), {}).get("told", {}).get(group, ""))


def keep(
    conn: Connection, room: Room, incident: str, now: datetime, *, place: str, group: str = "", answer: str = ""
) -> None:
    """Keep where the card is, and that a message was sent."""
    known = get_setting(conn, _key(room, incident), {})
    said = {**known.get("told", {}), **({group: answer} if answer else {})}
    set_setting(conn, _key(room, incident), {"place": place, "told": said}, iso(now))


def refresh(engine: "Engine", conn: Connection, incident: str, now: datetime) -> None:
    """Have an incident's cards brought up to date, once for all that changes until then."""
    if not any(place(conn, room, incident) for room in engine.rooms if room.answers):
        return
    if not rows.find(conn, t.outbox, state="waiting", kind="card", incident=incident):
        rows.enqueue(conn, "card", f"card:{incident}:{new_id()}", {}, now, incident=incident)


# --- what a card says -----------------------------------------------------------------------------------


def card(engine: "Engine", conn: Connection, room: Room, incident: Row) -> Card:
    """Return what a room's card says now: the incident, what waits for an answer, what was answered."""
    directory = engine.directory(conn)
    device = people.device_of(directory, incident)
    ref = device.id if device else incident["host"]
    seen = conn.execute(select(t.device_state.c.state).where(t.device_state.c.device == ref)).scalar() if ref else None
    facts = (
        ("学校", directory.tenant_name(incident["tenant"])),
        ("端末", (device.asset_no or device.id) if device else incident["host"] or "調査中"),
        ("区分", words.word(words.CATEGORIES, incident["category"])),
        ("重大度", words.word(words.SEVERITIES, incident["severity"])),
        ("検知", _moment(incident["detected_at"])),
        ("端末の状態", words.word(words.STATES, seen) if seen else "未確認"),
    )
    waits = [wait for wait in rows.find(conn, t.wait, incident=incident["id"]) if _asked_here(engine, conn, room, wait)]
    waiting = sorted((w for w in waits if w["state"] == "open"), key=lambda w: (ORDER.index(w["kind"]), w["opened_at"]))
    done = sorted((w for w in waits if w["state"] != "open"), key=lambda w: str(w["done_at"]))
    title = f"【取扱注意】事案 {incident['number']}：{words.word(words.CATEGORIES, incident['category'])}"
    asks = tuple(_ask(engine, conn, wait) for wait in waiting) if incident["status"] == "open" else ()
    return Card(title, facts, asks, tuple(_answered(engine, conn, room, wait) for wait in done[-ANSWERS_SHOWN:]))


def _asked_here(engine: "Engine", conn: Connection, room: Room, wait: Row) -> bool:
    """Tell whether a room may answer: its roles, and nothing for which something must be read or written first."""
    if wait["kind"] not in ORDER or wait["role"] not in _roles(engine, room):
        return False
    step = rows.find(conn, t.step, id=wait["step"]) if wait["kind"] == "receipt" and wait["step"] else []
    return not any(row["kind"] == "report" for row in step)


def choices(wait: Mapping[str, Any]) -> list[str]:
    """Return what may be answered to a wait."""
    return [RECEIVED] if wait["kind"] == "receipt" else list(wait["options"] or [])


def _ask(engine: "Engine", conn: Connection, wait: Row) -> Ask:
    text = wait["text"]
    if wait["quorum"] > 1:
        count = select(func.count(t.decision.c.actor.distinct())).where(
            (t.decision.c.wait == wait["id"]) & (t.decision.c.choice == "approve")
        )
        text = f"{text}（承認 {conn.execute(count).scalar_one()}／{wait['quorum']}）"
    options = tuple(
        Choice(words.word(words.CHOICES, choice), engine.links.make("answer", f"{wait['id']}:{n}"), choice in GRAVE)
        for n, choice in enumerate(choices(wait))
    )
    return Ask(text, _moment(wait["due_at"]) if wait["due_at"] else "", options)


def _answered(engine: "Engine", conn: Connection, room: Room, wait: Row) -> Answered:
    kind, _, ref = (wait["by"] or "").partition(":")
    person = engine.directory(conn).person(ref) if kind == "person" else None
    role = person.role if person else wait["role"] if wait["by"] else "system"
    accounts = [a.partition(":")[2] for a in person.accounts if a.startswith(f"{room.name}:")] if person else []
    outcome = words.word(words.CHOICES, wait["outcome"] or wait["state"])
    return Answered(wait["text"], outcome, role_name(role), _moment(wait["done_at"]), "".join(accounts[:1]))


def _moment(stamp: str | None) -> str:
    return parse_iso(stamp).astimezone(JST).strftime("%m月%d日 %H:%M") if stamp else ""
