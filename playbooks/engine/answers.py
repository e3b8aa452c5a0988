"""Answers given in a room: whose click it is, whether it counts, and then the same functions as everywhere."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from hinomi.clock import iso
from hinomi.errors import ConflictError, NotFoundError, RefusedError
from hinomi.playbooks.engine import people, rooms, rows, waits
from hinomi.playbooks.engine.rows import Row
from hinomi.state import get_setting, set_setting, t
from hinomi.tenancy import Grant, within

if TYPE_CHECKING:
    from hinomi.directory import Person
    from hinomi.playbooks.engine import Engine

TRIAL = "trial"
"""What the value of a test's button begins with."""


class ReplayError(ConflictError):
    """This very click was answered before."""


def answer(engine: "Engine", conn: Connection, account: str, value: str, nonce: str, now: datetime) -> None:
    """Count a click: ``account`` is who (``slack:U123``), ``value`` the button's, ``nonce`` the click's own.

    Raises:
        HinomiError: If it does not count; the message is for who has clicked. Nothing was written then.
    """
    wait_id, _, place = engine.links.read("answer", value).partition(":")
    person = _person(engine, conn, account)
    if wait_id == TRIAL:
        return _trial(conn, place, account, person, now)
    found = rows.find(conn, t.wait, id=wait_id)
    if not found or not within(found[0]["tenant"], person.tenant):
        raise NotFoundError("この確認は見つかりません。")
    wait = found[0]
    options, via = rooms.choices(wait), account.partition(":")[0]
    if not place.isdecimal() or int(place) >= len(options):
        raise NotFoundError("この選択肢はありません。")
    if not rows.enqueue(
        conn, "card", f"click:{via}:{nonce}", {}, now, incident=wait["incident"], tenant=wait["tenant"]
    ):
        raise ReplayError("この操作は受付済みです。")
    if wait["kind"] == "receipt":
        return _receive(engine, conn, wait, person, via, now)
    _may_decide(wait, person)
    grant = Grant(f"person:{person.id}", person.tenant, frozenset({"act"}))
    waits.decide(engine, conn, wait_id, grant, options[int(place)], "", via=via, now=now, role=person.role)


def _person(engine: "Engine", conn: Connection, account: str) -> "Person":
    """Return the one person of the directory who has the account."""
    wanted = account.lower()
    found = [p for p in engine.directory(conn).people if wanted in (known.lower() for known in p.accounts)]
    if len(found) != 1:
        why = "複数の人に" if found else "名簿に"
        raise RefusedError(f"このアカウントは{why}登録されて{'いる' if found else 'いない'}ため、操作できません。",
                           hint=f"people.csv: accounts {account}")  # fmt: skip
    return found[0]


def _may_decide(wait: Row, person: "Person") -> None:
    if wait["state"] != "open":
        raise ConflictError("すでに回答されています。")
    if not people.holds_role(person.role, wait["role"]) and person.role != wait["escalate"]:
        raise RefusedError("この確認に答える役割ではありません。")


def _receive(engine: "Engine", conn: Connection, wait: Row, person: "Person", via: str, now: datetime) -> None:
    """Count a receipt of somebody to whom the message went, or who holds the role by now."""
    found = rows.find(conn, t.receipt, wait=wait["id"], person=person.id)
    if not found:
        incident = rows.get(conn, t.incident, wait["incident"])
        if person.id not in [known.id for known in people.holders(engine.directory(conn), incident, wait["role"])]:
            raise RefusedError("このお知らせを受領する役割ではありません。")
        found = [rows.add(conn, t.receipt, wait=wait["id"], person=person.id, role=wait["role"])]
    if not waits.receive(engine, conn, found[0]["id"], via, now):
        raise ConflictError("すでに受領されています。")


def _trial(conn: Connection, trial: str, account: str, person: "Person", now: datetime) -> None:
    """Note the click on a test's button, the first one."""
    key = f"{TRIAL}.{trial}"
    asked = get_setting(conn, key)
    if asked is None or asked["by"]:
        raise ConflictError("この試験は終わっています。")
    set_setting(conn, key, {"by": account, "person": person.id, "role": person.role}, iso(now))
