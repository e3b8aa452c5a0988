"""Rooms that only listen: a message is a POST to an address that is itself the secret.

They have no buttons and cannot be updated, so whoever has to act is written to by mail as well.
"""

from typing import Any

from pydantic import Field, field_validator

from hinomi.playbooks.channels import Card, ChannelError, Message, room_settings

TIMEOUT = 10.0
SLOW_DOWN = 429
SERVER = 500


class WebhookSettings(room_settings.RoomSettings):
    """``[channels.teams]``, ``[channels.google_chat]``."""

    url: str = Field(min_length=1, repr=False, description="Address to post to; it is a secret.")

    @field_validator("url")
    @classmethod
    def _is_private(cls, value: str) -> str:
        return room_settings.private(value)


class Webhook:
    """Posts what a product's own function makes of a message."""

    answers = False

    def __init__(self, name: str, settings: WebhookSettings, page: str):
        """Take the settings; ``page`` is the address of hinomi's pages, which nobody's own link is."""
        self.name, self.settings, self.page = name, settings, page

    def body(self, message: Message, place: str) -> dict[str, Any]:
        """Return what is posted for a message about the incident at ``place``."""
        raise NotImplementedError

    def params(self) -> dict[str, str]:
        """Return what is added to the address."""
        return {}

    async def show(self, card: Card, place: str) -> str:
        """Post nothing: a card that cannot change would soon say what is not so. Return what keeps it together."""
        return place or card.title

    async def add(self, place: str, message: Message) -> str:
        """Post a message; return the server's answer."""
        import httpx2  # at the first message: it takes a while

        address = httpx2.URL(self.settings.url).copy_merge_params(self.params())
        try:
            async with httpx2.AsyncClient(timeout=TIMEOUT) as client:
                answer = await client.post(address, json=self.body(message, place))
        except (httpx2.HTTPError, OSError) as error:  # its text may hold the address
            raise ChannelError(type(error).__name__) from error
        if answer.status_code == SLOW_DOWN:
            wait = answer.headers.get("retry-after", "")
            raise ChannelError("429", after=float(wait) if wait.isdecimal() else 1.0)
        if not answer.is_success:
            raise ChannelError(f"status {answer.status_code}", permanent=answer.status_code < SERVER)
        return f"status {answer.status_code}"

    async def close(self) -> None:
        """Hold nothing open."""
