"""Messages: what is written to people. Jinja2 templates, Japanese first; facts are data and never templates.

No personal names and no file names; a fact that is missing reads 調査中. Adding a message is one file
a language in ``templates/``: the first line is the subject, the rest the text.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import BaseLoader, Environment, TemplateNotFound, Undefined

from hinomi.clock import parse_iso
from hinomi.errors import ConfigError
from hinomi.playbooks.messages import words
from hinomi.text import era_time, jst

__all__ = ["MARK", "Composed", "compose", "known"]

MARK = {"ja": "取扱注意", "en": "RESTRICTED"}
UNKNOWN = {"ja": "調査中", "en": "under investigation"}
ENGLISH_ROLES = {
    "teacher": "teacher (user of the PC)",
    "school_management": "school management",
    "board": "board of education",
    "operator": "SOC operator",
    "operator_lead": "SOC lead",
}
LONGEST = 400
LONGEST_LINK = 2000
_SUBJECT_BREAKS = re.compile(r"\s+")


class Composed(NamedTuple):
    """A message ready to be sent: one line of subject, and plain text."""

    subject: str
    text: str


class _Templates(BaseLoader):
    """Reads templates of this package, wherever it is installed."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:
        found = files(__name__).joinpath("templates", template)
        if not found.is_file():
            raise TemplateNotFound(template)
        return found.read_text(encoding="utf-8"), None, None


@cache
def known(language: str = "ja") -> list[str]:
    """Return the names of the templates of a language."""
    folder = files(__name__).joinpath("templates", language)
    names = (item.name for item in folder.iterdir()) if folder.is_dir() else ()
    return sorted(n.removesuffix(".txt.j2") for n in names if n.endswith(".txt.j2") and not n.startswith("_"))


@cache
def _environment(language: str) -> Environment:
    unknown = UNKNOWN[language]

    class Missing(Undefined):
        """A fact nobody gave: printed as unknown, false in conditions, never an error."""

        def __str__(self) -> str:
            return unknown

        def __getattr__(self, _: str) -> "Missing":
            return self

    environment = Environment(  # noqa: S701 - text mail; the facts are cleaned, and never parsed as a template
        loader=_Templates(), undefined=Missing, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    roles = words.ROLES if language == "ja" else ENGLISH_ROLES
    environment.filters["role"] = lambda value: words.word(roles, value)
    environment.filters["step"] = lambda value: words.step(value) if language == "ja" else str(value)
    environment.filters["state"] = lambda value: words.word(words.STATES, value) if language == "ja" else str(value)
    environment.filters["when"] = lambda value: _when(value, language)
    return environment


def _when(value: object, language: str) -> str:
    """Return a deadline as people read it; text that is no ISO time stays as it is."""
    text = str(value)
    try:
        moment = parse_iso(text)
    except ValueError:
        return text
    return era_time(moment) if language == "ja" else jst(moment, seconds=False)


def _clean(value: object, longest: int) -> str:
    """Return a fact as one line: no control, bidi or line-breaking character can forge another line."""
    text = str(value)
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
        text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cs"})
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _facts(facts: Mapping[str, Any], language: str) -> dict[str, str]:
    clean = {
        key: _clean(value, LONGEST_LINK if key == "link" else LONGEST)
        for key, value in facts.items()
        if value is not None and value != ""
    }
    clean.setdefault("mark", MARK[language])
    return {key: value for key, value in clean.items() if value}


def compose(template: str, language: str, facts: Mapping[str, Any]) -> Composed:
    """Write a message in ``language`` (``ja``, else ``en``; any other falls back to Japanese).

    Facts: incident, device, school, link, due (JST or ISO text), state, step, report, role, mark, contact.

    Raises:
        ConfigError: If there is no such template; names those there are.
    """
    language = language if language in MARK else "ja"
    if template not in known(language):
        language = "ja"
    names = known(language)
    if template not in names:
        raise ConfigError(f"no message template is called {template!r}", hint=f"known: {', '.join(names)}")
    text = _environment(language).get_template(f"{language}/{template}.txt.j2").render(_facts(facts, language))
    subject, _, body = text.partition("\n")
    return Composed(_SUBJECT_BREAKS.sub(" ", subject).strip(), re.sub(r"\n{3,}", "\n\n", body).strip() + "\n")
