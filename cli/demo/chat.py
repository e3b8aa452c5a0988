"""The operators' channel in Slack, as the demo's people use it."""

import json
from typing import Any

from hinomi.cli.acting.pages import ask


class Chat:
    """The operators' channel in Slack, as its members have it before them."""

    def __init__(self, base: str, secret: str):
        self._base, self._headers = base, {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = ask(method, f"{self._base}/{path}", json.dumps(body).encode() if body else None, self._headers)
        if answer.status >= 400:
            raise OSError(f"Slack: {path}: answer {answer.status}: {answer.text[:200]}")
        return json.loads(answer.text)

    def buttons(self) -> set[str]:
        """Return what can be pressed now."""
        blocks = [block for message in self._ask("GET", "state")["messages"] for block in message.get("blocks", ())]
        elements = [e for block in blocks if block["type"] == "actions" for e in block["elements"]]
        return {element["text"]["text"] for element in elements if element["type"] == "button"}

    def press(self, label: str, member: str) -> None:
        """Press a button; Slack signs it and sends it on.

        Raises:
            OSError: If it was not taken.
        """
        answer = self._ask("POST", "click", {"label": label, "user": member})
        if answer["status"] != 200:
            raise OSError(f"Slack: 「{label}」: answer {answer['status']}: {answer['body'][:200]}")
