"""Mail as its reader sees it, and the API as a program with one key sees it."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from hinomi.cli.acting.pages import Answer, ask

LINK = re.compile(r"https?://\S+?/([rfpd])/[\w.~%-]+")


@dataclass
class Mail:
    """One message: its link and the link's kind (r: receive, p: read a report, f: fill in a form, d: decide), if it has one."""

    to: str
    template: str
    subject: str
    link: str
    kind: str


def read(path: Path) -> Mail:
    """Read one .eml file."""
    message = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    body = message.get_body(("plain",))
    link = LINK.search(body.get_content() if body is not None else "")
    return Mail(
        str(message["To"]),
        str(message["X-Hinomi-Template"] or ""),
        str(message["Subject"]),
        link[0] if link else "",
        link[1] if link else "",
    )


class Reachable(Protocol):
    """Somebody with addresses."""

    @property
    def mail(self) -> str:
        """The address at work."""

    @property
    def mail_off(self) -> str:
        """The address off their PC."""


P = TypeVar("P", bound=Reachable)


@dataclass(frozen=True)
class Letter(Generic[P]):
    """One message and its reader; None: the address is nobody's."""

    mail: Mail
    person: P | None


class Letters(Generic[P]):
    """A mail folder as it fills: yields what has come since the last look."""

    def __init__(self, folder: Path, people: Iterable[P]):
        self._folder, self._seen = folder, set[str]()
        self._people = {address.lower(): p for p in people for address in (p.mail_off, p.mail) if address}

    def new(self) -> Iterator[Letter[P]]:
        """Yield new messages, oldest first."""
        for path in sorted(self._folder.glob("*.eml")):
            if path.name not in self._seen:
                self._seen.add(path.name)
                mail = read(path)
                yield Letter(mail, self._people.get(mail.to.lower()))


def check(answer: Answer) -> None:
    """Take an answer for what it says.

    Raises:
        OSError: If it is a refusal.
    """
    if answer.status >= 400:
        text = re.sub(r"<[^>]+>|\s+", " ", answer.text)
        raise OSError(f"answer {answer.status}: {' '.join(text.split())[:300]}")


class Api:
    """The API, or another door that takes and gives JSON, with one key."""

    def __init__(self, base: str, key: str, path: str = "/api/v1"):
        self._base = f"{base}{path}"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of an answer.

        Raises:
            OSError: If it is refused.
        """
        content = json.dumps(body).encode() if body is not None else None
        answer = ask(method, f"{self._base}/{path}", content, self._headers)
        if answer.status >= 400:
            raise OSError(f"{path}: answer {answer.status}: {answer.text[:200]}")
        return json.loads(answer.text)
