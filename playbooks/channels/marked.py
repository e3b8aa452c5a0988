"""A drill's channels: whatever goes through one says that it is a drill, whichever product it is.

The channels of a drill are wrapped where they are made, so that no message of any template, and none of a channel
that somebody else brings, can go out unmarked. A room's card has no buttons: a click would reach the live installation.
"""

from dataclasses import replace

from hinomi.playbooks.channels import Card, Channel, Message, Room

MARK = "【訓練】"
HEADER = "X-Hinomi-Drill"
IT_IS = "これは訓練です。実際の事案ではありません。実際の端末は切り離されていません。"
IN_ENGLISH = "This is a drill. It is not a real incident; no real PC has been cut off."
_RULE = "＝＝＝＝＝＝＝＝＝ 訓練 DRILL ＝＝＝＝＝＝＝＝＝"


def marked(channel: Channel | Room) -> Channel | Room:
    """Return a channel through which nothing goes unmarked."""
    return MarkedRoom(channel) if isinstance(channel, Room) else MarkedChannel(channel)


def mark(message: Message) -> Message:
    """Return a message that nobody takes for a real one: subject, first and last lines, a header line."""
    text = f"{_RULE}\n{IT_IS}\n{IN_ENGLISH}\n{_RULE}\n\n{message.text.rstrip()}\n\n{_RULE}\n{IT_IS}\n"
    return replace(message, subject=f"{MARK}{message.subject}", text=text, headers={**message.headers, HEADER: "yes"})


class MarkedChannel:
    """A way to a person."""

    def __init__(self, inner: Channel):
        self._inner, self.name = inner, inner.name

    async def send(self, message: Message) -> str:
        """Send it, marked."""
        return await self._inner.send(mark(message))

    async def close(self) -> None:
        """Close connections."""
        await self._inner.close()


class MarkedRoom:
    """A room."""

    answers = False

    def __init__(self, inner: Room):
        self._inner, self.name = inner, inner.name

    async def show(self, card: Card, place: str) -> str:
        """Post or update the card, marked; what is asked is told, and answered elsewhere."""
        asked = tuple((ask.text, ask.due or "回答待ち") for ask in card.asks)
        facts = (("訓練", IT_IS), *card.facts, *asked)
        return await self._inner.show(replace(card, title=f"{MARK}{card.title}", facts=facts, asks=()), place)

    async def add(self, place: str, message: Message) -> str:
        """Post below the card, marked."""
        return await self._inner.add(place, mark(message))

    async def close(self) -> None:
        """Close connections."""
        await self._inner.close()
