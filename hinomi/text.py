"""Words that people read: a catalogue for strings, JST and the Japanese era for times."""

import json
import os
import re
from collections.abc import Mapping
from datetime import date, datetime
from importlib.resources import files

from hinomi.clock import JST, parse_iso

VARIABLES = ("HINOMI_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""What says in which language the command line speaks; the first that is set counts."""
_ENTRY = re.compile(r'^msgid ((?:"(?:[^"\\\n]|\\.)*"\s*)+)msgstr ((?:"(?:[^"\\\n]|\\.)*"\s*)+)', re.M)
_PART = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def language(environment: Mapping[str, str]) -> str:
    """Return the language that an environment asks for, as ``ja``, ``en`` or ``c``; empty: none."""
    given = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    return re.split("[-_.@:]", given, maxsplit=1)[0].lower()


def read_catalogue(text: str) -> dict[str, str]:
    """Return message → translation of a gettext catalogue (.po), read as it is written: nothing has to be compiled."""
    return {
        "".join(map(json.loads, _PART.findall(message))): "".join(map(json.loads, _PART.findall(translation)))
        for message, translation in _ENTRY.findall(text)
    }


def _catalogue() -> Mapping[str, str]:
    wanted = language(os.environ)
    file = files("hinomi") / "locale" / f"{wanted}.po"
    return read_catalogue(file.read_text(encoding="utf-8")) if wanted.isalpha() and file.is_file() else {}


_messages = _catalogue()


def _(message: str) -> str:
    """Return a message in the language of who runs the program, else as it is."""
    return _messages.get(message, message) if message else message


def translated(help_text: str | None) -> str | None:
    """Return a command's help in that language, whichever way its lines are broken."""
    return help_text and _messages.get(" ".join(help_text.split()), help_text)


#: First day, name (the cabinet order that starts each era).
ERAS = ((date(2019, 5, 1), "令和"), (date(1989, 1, 8), "平成"), (date(1926, 12, 25), "昭和"))
WEEKDAYS = "月火水木金土日"


def era_date(day: date) -> str:
    """Return ``令和8年11月21日``; the first year of an era is 元年."""
    for first, name in ERAS:
        if day >= first:
            year = day.year - first.year + 1
            return f"{name}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    return f"{day.year}年{day.month}月{day.day}日"


def era_time(moment: datetime | str) -> str:
    """Return ``令和8年11月21日（土）20時58分49秒`` in JST."""
    local = (parse_iso(moment) if isinstance(moment, str) else moment).astimezone(JST)
    return f"{era_date(local.date())}（{WEEKDAYS[local.weekday()]}）{local:%H時%M分%S秒}"


def era_minute(moment: datetime | str) -> str:
    """Return ``令和8年11月21日 20:58`` in JST, for lists and spans."""
    local = (parse_iso(moment) if isinstance(moment, str) else moment).astimezone(JST)
    return f"{era_date(local.date())} {local:%H:%M}"


def jst(moment: datetime | str, *, seconds: bool = True) -> str:
    """Return ``2026-11-21 20:58:49 JST``; the zone is always printed."""
    local = (parse_iso(moment) if isinstance(moment, str) else moment).astimezone(JST)
    return local.strftime("%Y-%m-%d %H:%M:%S JST" if seconds else "%Y-%m-%d %H:%M JST")
