"""The operators' channel in Slack, as the demo's people use it."""

from hinomi.cli.acting.letters import Api


class Chat:
    """The operators' channel in Slack, as its members have it before them."""

    def __init__(self, base: str, secret: str):
        self._door = Api(base, secret, "")

    def buttons(self) -> set[str]:
        """Return what can be pressed now."""
        blocks = [
            block for message in self._door.call("GET", "state")["messages"] for block in message.get("blocks", ())
        ]
        elements = [e for block in blocks if block["type"] == "actions" for e in block["elements"]]
        return {element["text"]["text"] for element in elements if element["type"] == "button"}

    def press(self, label: str, member: str) -> None:
        """Press a button; Slack signs it and sends it on.

        Raises:
            OSError: If it was not taken.
        """
        answer = self._door.call("POST", "click", {"label": label, "user": member})
        if answer["status"] != 200:
            raise OSError(f"Slack: 「{label}」: answer {answer['status']}: {answer['body'][:200]}")
