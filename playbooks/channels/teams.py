"""Microsoft Teams: an Adaptive Card posted to a Workflows address ("When a Teams webhook request is received").

Format: https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook and
https://adaptivecards.microsoft.com/ (1.4). The flow is owned by a person: let it be an account that stays.
"""

from typing import Any

from hinomi.playbooks.channels import Message, channels
from hinomi.playbooks.channels.room_settings import RoomType
from hinomi.playbooks.channels.webhook import Webhook, WebhookSettings

SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"


class Teams(Webhook):
    """One flow, which posts to one channel or chat."""

    def body(self, message: Message, place: str) -> dict[str, Any]:
        """Return a message with one Adaptive Card."""
        card = {
            "$schema": SCHEMA, "type": "AdaptiveCard", "version": "1.4",
            "body": [
                {"type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": True, "text": _inert(message.subject)},
                {"type": "TextBlock", "wrap": True, "text": _inert(message.text)},
            ],
            "actions": [{"type": "Action.OpenUrl", "title": "hinomi", "url": self.page}],
        }  # fmt: skip
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}


def _inert(text: str) -> str:
    """Return text in which the card's Markdown makes no link."""
    return text.replace("[", "［").replace("]", "］")


channels.register("teams")(RoomType("teams", WebhookSettings, lambda own, s: Teams("teams", own, s.api.url)))
