"""Rules over every modifier of the specification, made at random: what SigmaHQ's rules do not use must hold too."""

import uuid
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

FIELDS = ("event.action", "process.command_line", "process.executable", "source.ip", "destination.ip", "source.bytes", "file.created", "user.name", "labels.a", "labels.b")  # fmt: skip
PIECES = ("cmd", "-enc", " /c", "C:\\", "\\", "\\\\", ".exe", "*", "?", "\\*", "\\?", "\\\\*", "kk", "ss", "ß", "İ", "ı", "ﬁ", "監査", "Ａ", "%", "_", "'", '"', "\n", " ", "a", "S", "1", "-", "–a", "[", "{", ".", "$", "é", "ſ", "/")  # fmt: skip
REGEXES = ("^a+$", "a.c", "(foo|bar)\\d{2,}", "^b$", "\\\\cmd\\.exe$", "[^a-z]x?", "k", "ss", "^$", "\\bnet\\s+use\\b", "(a|b)*c", "監+", ".", "a{3}")  # fmt: skip
NETWORKS = ("10.0.0.0/8", "192.168.1.0/24", "127.0.0.1/32", "0.0.0.0/0", "fe80::/10", "2001:db8::/33", "::1/128", "::ffff:0:0/96")  # fmt: skip
NUMBERS: tuple[Any, ...] = (0, 1, -1, 10, 4624, 2**53 + 1, 2**62, 1.5, -0.25)
TIMES = {"minute": (0, 59, 30), "hour": (0, 23, 8), "day": (1, 31, 24), "week": (1, 48, 53), "month": (1, 12, 4), "year": (2020, 2026, 2024)}  # fmt: skip


def rule(random: Random) -> dict[str, Any]:
    """Return a rule of one to four searches."""
    names = [random.choice(("sel_", "filter_", "名")) + str(n) for n in range(random.randint(1, 4))]
    return {
        "title": "made", "id": str(uuid.UUID(int=random.getrandbits(128), version=4)), "status": "test", "level": "low",
        "logsource": random.choice(({"product": "windows", "category": "process_creation"}, {"product": "made", "service": "up"}, {"category": "proxy"})),
        "detection": {**{name: _search(random) for name in names}, "condition": _condition(names, random)},
    }  # fmt: skip


def _search(random: Random) -> Any:
    shape = random.random()
    if shape < 0.08:
        return [_plain(random, some=True) for _ in range(random.randint(1, 3))]
    if shape < 0.12:
        return {random.choice(("|all", "|cased", "|windash")): [_plain(random, some=True) for _ in range(2)]}
    if shape < 0.2:
        return [_map(random) for _ in range(random.randint(1, 3))]
    return _map(random)


def _map(random: Random) -> dict[str, Any]:
    made = (random.choice(ITEMS)(random) for _ in range(random.randint(1, 3)))
    return {random.choice(FIELDS) + key: value for key, value in made}


def _plain(random: Random, some: bool = False) -> str:
    value = "".join(random.choice(PIECES) for _ in range(random.randint(1, 4)))
    return value if not some or any(sign.isalnum() for sign in value) else value + "ab"


def _values(one: Callable[[Random], Any], random: Random) -> Any:
    return one(random) if random.random() < 0.5 else [one(random) for _ in range(random.randint(1, 4))]


def _text(random: Random) -> tuple[str, Any]:
    how = random.choice(("", "|contains", "|startswith", "|endswith"))
    value = _values(_plain, random)
    many = "|all" if isinstance(value, list) and len(value) > 1 and how and random.random() < 0.3 else ""
    return how + random.choice(("", "", "", "|cased")) + many + random.choice(("", "", "", "|neq")), value


def _windash(random: Random) -> tuple[str, Any]:
    return "|windash" + random.choice(("", "|contains", "|endswith")), random.choice(
        (" -enc", "net -a /b", "–x", "a-b", "cmd /c", "-a-b", "/é -1")
    )


def _coded(random: Random) -> tuple[str, Any]:
    wide = random.choice(("", "", "|wide", "|utf16le", "|utf16be", "|utf16"))
    value = random.choice(("IEX", "http://", "cmd", "ab", "監査", "ß-", "New-Object Net.WebClient"))
    return wide + random.choice(
        ("|base64|contains", "|base64offset|contains", "|base64", "|base64offset|contains|cased")
    ), value


def _regex(random: Random) -> tuple[str, Any]:
    return "|re" + random.choice(("", "|i", "|m", "|s", "|i|m|s")), _values(lambda r: r.choice(REGEXES), random)


def _number(random: Random) -> tuple[str, Any]:
    how = random.choice(("|gt", "|gte", "|lt", "|lte", "", "|neq", "|contains"))
    value = random.choice(NUMBERS)
    return how, int(value) if how == "|contains" else value


def _time(random: Random) -> tuple[str, Any]:
    part = random.choice(list(TIMES))
    return f"|{part}" + random.choice(("", "|gt", "|gte", "|lt", "|lte")), random.choice(TIMES[part])


def _special(random: Random) -> tuple[str, Any]:
    return random.choice((("", None), ("", ""), ("", [None, "x"]), ("|exists", True), ("|exists", False), ("", True), ("", False), ("", "*"), ("", "?*"), ("|neq", "")))  # fmt: skip


def _fieldref(random: Random) -> tuple[str, Any]:
    return "|fieldref" + random.choice(("", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|neq")), random.choice(FIELDS)  # fmt: skip


def _expand(random: Random) -> tuple[str, Any]:
    return "|expand" + random.choice(("", "|contains", "|endswith")), random.choice(("%Servers%", "x%Servers%y", "\\%Servers%%Administrators%", "%nobody%", "50% *"))  # fmt: skip


def _cidr(random: Random) -> tuple[str, Any]:
    return "|cidr" + random.choice(("", "|neq")), _values(lambda r: r.choice(NETWORKS), random)


ITEMS = (
    _text,
    _text,
    _text,
    _text,
    _windash,
    _coded,
    _regex,
    _number,
    _time,
    _special,
    _special,
    _fieldref,
    _cidr,
    _expand,
)


def _condition(names: Sequence[str], random: Random, depth: int = 0) -> str:
    if depth > 3 or random.random() < 0.35:
        return random.choice((random.choice(names), random.choice(names), f"{random.choice(('1', 'all', 'any'))} of {random.choice(('them', names[0][:1] + '*', '*' + names[-1][1:]))}"))  # fmt: skip
    inner = _condition(names, random, depth + 1)
    if random.random() < 0.3:
        return f"not ({inner})" if " " in inner and random.random() < 0.5 else f"not {inner}"
    whole = f"{inner} {random.choice(('and', 'or', 'AND'))} {_condition(names, random, depth + 1)}"
    return f"({whole})" if random.random() < 0.5 else whole
