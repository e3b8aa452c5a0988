"""Google Chat: a text posted to a space's webhook, an incident's messages in one thread.

Format: https://developers.google.com/workspace/chat/quickstart/webhooks
"""

from typing import Any

from hinomi.playbooks.channels import Message, channels
from hinomi.playbooks.channels.room_settings import RoomType
from hinomi.playbooks.channels.webhook import Webhook, WebhookSettings

LONGEST = 4000


class GoogleChat(Webhook):
    """One webhook of one space."""

    def body(self, message: Message, place: str) -> dict[str, Any]:
        """Return a text message of the incident's thread."""
        text = f"*{_inert(message.subject)}*\n{_inert(message.text)}"
        return {"text": f"{text[:LONGEST]}\n{self.page}", "thread": {"threadKey": place[:400]}}

    def params(self) -> dict[str, str]:
        """Ask for a reply where the thread is there already."""
        return {"messageReplyOption": "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"}


def _inert(text: str) -> str:
    """Return text in which nothing mentions or links (``<users/all>``)."""
    return text.replace("<", "＜").replace(">", "＞")


channels.register("google_chat")(
    RoomType("google_chat", WebhookSettings, lambda own, s: GoogleChat("google_chat", own, s.api.url))
)
