"""A card as Slack's blocks: two buttons in view, the rest below a menu.

Format: https://docs.slack.dev/reference/block-kit/ (a header holds 150 characters, a button's text 75, a menu's value 150).
"""

import hmac
import re
from typing import Any

from hinomi.playbooks.channels import Answered, Ask, Card, Choice

IN_VIEW = 2
IN_MENU = 5
LONGEST_TEXT = 3900
QUIET = {"unfurl_links": False, "unfurl_media": False}
_MEMBER = re.compile(r"[UW][A-Z0-9]{2,30}")


def inert(text: str) -> str:
    """Return text in which nothing mentions, links or notifies (``<!channel>``)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def same(one: str, other: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def of_card(card: Card, *, buttons: bool) -> list[dict[str, Any]]:
    """Return the blocks of a card."""
    found: list[dict[str, Any]] = [{"type": "header", "text": _plain(card.title, 150)}]
    if card.facts:
        facts = [{"type": "mrkdwn", "text": f"*{inert(name)}*\n{inert(value)}"[:1900]} for name, value in card.facts]
        found.append({"type": "section", "fields": facts[:10]})
    for ask in card.asks[:IN_MENU]:
        due = f"\n期限：{inert(ask.due)}" if ask.due else ""
        found.append({"type": "section", "text": {"type": "mrkdwn", "text": f"*{inert(ask.text)[:2000]}*{due}"}})
    if buttons and card.asks:
        found.append({"type": "actions", "block_id": "answer", "elements": _elements(card.asks)})
    if card.answered:
        lines = "\n".join(map(_line, card.answered))
        found.append({"type": "context", "elements": [{"type": "mrkdwn", "text": lines[:2900]}]})
    return found


def _line(answered: Answered) -> str:
    member = answered.account if _MEMBER.fullmatch(answered.account) else ""
    who = f"<@{member}>（{inert(answered.role)}）" if member else inert(answered.role)
    return f"{inert(answered.text)}：*{inert(answered.outcome)}*　{who}　{inert(answered.at)}"


def _elements(asks: tuple[Ask, ...]) -> list[dict[str, Any]]:
    """Return the buttons of what is asked first, and a menu of everything else."""
    first, *others = asks
    rest = [(f"{choice.label}：{ask.text}", choice) for ask in others for choice in ask.choices]
    rest = [(choice.label, choice) for choice in first.choices[IN_VIEW:]] + rest
    found = [_button(n, first, choice) for n, choice in enumerate(first.choices[:IN_VIEW])]
    if rest:
        options = [{"text": _plain(label, 75), "value": choice.value} for label, choice in rest[:IN_MENU]]
        found.append({"type": "overflow", "action_id": "more", "options": options})
    return found


def _button(number: int, ask: Ask, choice: Choice) -> dict[str, Any]:
    button: dict[str, Any] = {
        "type": "button", "action_id": f"answer-{number}", "text": _plain(choice.label, 75), "value": choice.value,
    }  # fmt: skip
    if choice.grave:
        button["style"] = "danger"
        button["confirm"] = {
            "title": _plain("確認", 100), "text": _plain(f"{ask.text}：{choice.label}", 300),
            "confirm": _plain(choice.label, 30), "deny": _plain("やめる", 30),
        }  # fmt: skip
    return button


def _plain(text: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text if len(text) <= longest else text[: longest - 1] + "…"}
