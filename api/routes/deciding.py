"""The page on which somebody of a school or a board decides, approves, or reports a task as done. The link is theirs, and signed.

Opening it changes nothing; the button counts. Whoever approves what cannot be undone writes the device's asset number.
"""

from datetime import date
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, select

from hinomi.api.deps import Deps
from hinomi.api.web.common import Form, PageRoute, Parts, Posted, case_of, entry, form_key, html_page, row_of, told
from hinomi.errors import ConfigError, ConflictError, Faults, HinomiError, NotFoundError, RefusedError
from hinomi.playbooks.actions import actions
from hinomi.playbooks.engine import guards, people
from hinomi.playbooks.engine.duties import NO_DUTY
from hinomi.playbooks.incidents.statutory import day_text
from hinomi.playbooks.messages import words
from hinomi.reports.model import CLASSES
from hinomi.state import t
from hinomi.tenancy import Grant

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PURPOSE = "decide"
"""What the link is for; its id is the wait's and the person's."""
LONGEST = 2000
STOPPED = "緊急停止（kill switch）が入っているため、いまは承認できません。事業者へ連絡してください。"


class Asked(NamedTuple):
    """A wait, whom it asks, in which role, and what they have answered so far."""

    wait: dict[str, Any]
    person: str
    tenant: str
    role: str
    answered: str
    approved: int


def _asked(deps: Deps, conn: Connection, token: str) -> Asked:
    """Return what a link asks.

    Raises:
        NotFoundError: If it is gone.
        RefusedError: If its holder does not hold the role any more.
    """
    wait_id, _, ref = deps.links.read(PURPOSE, token).partition(":")
    wait = row_of(conn, t.wait, wait_id, "確認")
    incident, directory = row_of(conn, t.incident, wait["incident"], "事案"), deps.engine.directory(conn)
    roles = [role for role in (wait["role"], wait["escalate"]) if role]
    held = [
        (role, person) for role in roles for person in people.holders(directory, incident, role) if person.id == ref
    ]
    if not held or wait["options"] is None:
        raise RefusedError("この確認に答える役割ではありません。")
    role, person = held[0]
    given = conn.execute(select(t.decision).where(t.decision.c.wait == wait_id)).all()
    own = [one.choice for one in given if one.actor == f"person:{ref}"]
    approved = len({one.actor for one in given if one.choice == "approve"})
    return Asked(wait, ref, person.tenant, role, own[-1] if own else "", approved)


def _irreversible(conn: Connection, wait: dict[str, Any]) -> bool:
    """Tell whether an approval is for something that nothing brings back."""
    name = conn.execute(select(t.step.c.action).where(t.step.c.id == wait["step"])).scalar()
    return wait["kind"] == "approval" and bool(name) and actions.get(str(name)).irreversible


def _questions(asked: Asked, irreversible: bool, given: Form) -> list[dict[str, Any]]:
    options = [{"value": choice, "text": words.word(words.CHOICES, choice)} for choice in asked.wait["options"]]
    task = asked.wait["kind"] == "task"
    found: list[dict[str, Any]] = [
        {"name": "choice", "label": "結果" if task else "判断", "shape": "choice", "required": True, "hint": "", "choices": options},
    ]  # fmt: skip
    if irreversible:
        hint = "承認するときは、消去する端末の資産番号を書いてください。"
        found.append({"name": "confirm", "label": "端末の資産番号", "shape": "line", "required": False, "hint": hint})
    hint = "行ったこと、またはできなかった理由" if task else "判断の理由。報告書に記載されます。"
    found.append({"name": "reason", "label": "理由・内容", "shape": "text", "required": not task, "hint": hint})
    return [
        {"carried": "", **question, **entry(question["shape"], given.get(question["name"], []))} for question in found
    ]


def _page(
    deps: Deps, conn: Connection, token: str, *, fresh: bool = False, given: Form | None = None,
    faults: Faults | None = None,
) -> HTMLResponse:  # fmt: skip
    asked = _asked(deps, conn, token)
    wait, facts = asked.wait, row_of(conn, t.incident, asked.wait["incident"], "事案")["facts"]
    is_open, irreversible = wait["state"] == "open", _irreversible(conn, wait)
    asks = is_open and not asked.answered
    law = facts.get("statutory", {}) if NO_DUTY in wait["options"] else {}
    contents = facts.get("contents", {}) if {"wipe", "approve"} & {*wait["options"]} else {}
    return html_page(
        "decide.html", 422 if faults else 200, title=words.word(words.STEPS, wait["text"]), case=case_of(deps, conn, wait["incident"]),
        fresh=fresh, mine=words.word(words.CHOICES, asked.answered) if asked.answered else "", open=is_open, asks=asks,
        outcome=words.word(words.CHOICES, wait["outcome"] or wait["state"]), done_at=wait["done_at"], due_at=wait["due_at"],
        quorum=wait["quorum"], approved=asked.approved, irreversible=irreversible,
        **told(faults), sections=[("回答", _questions(asked, irreversible, given or {}))] if asks else [],
        contents=[(f"重要性分類{CLASSES[name]}" if name in CLASSES else "分類なし", count) for name, count in contents.items()],
        clocks=[(clock["name"], day_text(date.fromisoformat(clock["due"]))) for clock in law.get("clocks", ())],
        reasons=law.get("reasons", []), action=f"/d/{token}", csrf=form_key(token),
    )  # fmt: skip


@router.get("/d/{token}")
def show(deps: Parts, token: str) -> HTMLResponse:
    """Show what is to be decided."""
    with deps.state.read() as conn:
        return _page(deps, conn, token)


@router.post("/d/{token}")
def decide(deps: Parts, token: str, posted: Posted) -> HTMLResponse:
    """Count an answer."""
    try:
        with deps.state.write() as conn:
            asked = _asked(deps, conn, token)
            if asked.wait["state"] != "open" or asked.answered:
                return _page(deps, conn, token)
            choice, reason = _checked(deps, conn, asked, posted)
            grant = Grant(f"person:{asked.person}", asked.tenant, frozenset({"act"}))
            deps.engine.decide(
                conn, asked.wait["id"], grant, choice, reason, via="page", now=deps.clock.now(), role=asked.role
            )
            page = _page(deps, conn, token, fresh=True)
    except Faults as faults:
        with deps.state.read() as conn:
            return _page(deps, conn, token, given=posted, faults=faults)
    except ConflictError:  # somebody was faster
        with deps.state.read() as conn:
            return _page(deps, conn, token)
    deps.poke()
    return page


def _checked(deps: Deps, conn: Connection, asked: Asked, posted: Form) -> tuple[str, str]:
    """Return the choice and its reason.

    Raises:
        Faults: Naming all that is missing or wrong.
    """
    said = {name: posted.get(name, [""])[0].strip() for name in ("choice", "reason", "confirm")}
    faults: list[HinomiError] = []
    if said["choice"] not in asked.wait["options"]:
        faults.append(ConfigError("選択肢から一つを選んでください", where="choice"))
    if not said["reason"] and asked.wait["kind"] != "task":
        faults.append(ConfigError("「理由・内容」を記入してください", where="reason"))
    if len(said["reason"]) > LONGEST:
        faults.append(ConfigError(f"「理由・内容」は{LONGEST}文字以内で書いてください", where="reason"))
    if said["choice"] == "approve":
        faults += _may_approve(deps, conn, asked, said["confirm"])
    if faults:
        raise Faults(faults)
    return said["choice"], said["reason"]


def _may_approve(deps: Deps, conn: Connection, asked: Asked, confirm: str) -> list[HinomiError]:
    if guards.killswitch(conn):
        return [ConfigError(STOPPED)]
    if not _irreversible(conn, asked.wait):
        return []
    incident = row_of(conn, t.incident, asked.wait["incident"], "事案")
    device = people.device_of(deps.engine.directory(conn), incident)
    if device is None:
        raise NotFoundError("対象の端末が、いまの台帳にありません。")
    if confirm.casefold() not in {name.casefold() for name in (device.asset_no, device.id, device.name) if name}:
        return [ConfigError("「端末の資産番号」が、消去する端末のものと一致しません", where="confirm")]
    return []
