"""Sigma's texts: literal parts, wildcards and placeholders; and the atoms that they become.

Specification: Sigma rules 2.1.0, "String Wildcard", "Escaping", "Placeholders". Plain data, so that what the
cache keeps can be finished (a placeholder filled) without parsing a rule again.
"""

import re as _text_patterns
from typing import Any

#: A literal, or one of these two, or ``["%", name]``.
Part = str | list[str]
Parts = list[Part]
MANY, ONE = ["*"], ["?"]
_SIGNS = {"*": MANY, "?": ONE}
_PLACEHOLDER = _text_patterns.compile(r"(?<!\\)%([^%]+)%")  # our own pattern, linear
_NUMBER = _text_patterns.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", _text_patterns.ASCII)
MOST_DIGITS = 400


def number(text: str) -> int | float | None:
    """Return the number that a text is, exact where it is whole; None if it is none."""
    if len(text) > MOST_DIGITS or not _NUMBER.fullmatch(text):
        return None
    return float(text) if set(text) & set(".eE") else int(text)


def read(text: str) -> Parts:
    """Cut a text at its wildcards; a backslash escapes a wildcard or a backslash, and else stands for itself."""
    parts: Parts = []
    literal: list[str] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "\\" and text[at + 1 : at + 2] in ("*", "?", "\\"):
            literal.append(text[at + 1])
            at += 2
            continue
        if sign in _SIGNS:
            parts += ["".join(literal), _SIGNS[sign]]
            literal = []
        else:
            literal.append(sign)
        at += 1
    return joined([*parts, "".join(literal)])


def joined(parts: Parts) -> Parts:
    """Join neighbouring literals and stars, drop what is empty."""
    found: Parts = []
    for part in parts:
        before = found[-1] if found else None
        if isinstance(part, str) and isinstance(before, str):
            found[-1] = before + part
        elif part != "" and not (part == before == MANY):
            found.append(part)
    return found


def with_placeholders(parts: Parts) -> Parts:
    r"""Cut literals at ``%name%``; ``\%`` is a plain percent sign."""
    found: Parts = []
    for part in parts:
        if not isinstance(part, str):
            found.append(part)
            continue
        for number, piece in enumerate(_PLACEHOLDER.split(part)):
            found.append(["%", piece] if number % 2 else piece.replace("\\%", "%"))
    return joined(found)


def placeholders(parts: Parts) -> list[str]:
    """Return the names of a text's placeholders."""
    return [part[1] for part in parts if isinstance(part, list) and part[0] == "%"]


def filled(parts: Parts, lists: dict[str, list[Parts]]) -> list[Parts]:
    """Return every text that comes of putting each value of a list where its placeholder stands."""
    found: list[Parts] = [[]]
    for part in parts:
        choices = lists[part[1]] if isinstance(part, list) and part[0] == "%" else [[part]]
        found = [[*begun, *choice] for begun in found for choice in choices]
    return [joined(text) for text in found]


def literal(parts: Parts) -> str | None:
    """Return a text without wildcards, None if there are any."""
    return "".join(part for part in parts if isinstance(part, str)) if all(isinstance(p, str) for p in parts) else None


def atom(parts: Parts, *, cased: bool) -> tuple[str, Any]:
    """Return kind and operand of a comparison with a field."""
    if parts and all(part == MANY for part in parts):
        return "present", None
    starts, ends = parts[:1] == [MANY], parts[1:] != [] and parts[-1] == MANY
    suffix = "_cased" if cased else ""
    text = literal(parts[1 if starts else 0 : -1 if ends else None])
    if text is None:
        return "glob" + suffix, "(?s)^" + pattern(parts, cased=cased) + "$"
    kind = {(False, False): "eq", (True, True): "contains", (False, True): "prefix", (True, False): "suffix"}
    return kind[starts, ends] + suffix, text if cased else text.casefold()


def word(parts: Parts, *, cased: bool) -> tuple[str, Any]:
    """Return kind and operand of a keyword: it may stand anywhere in any value."""
    inner = parts[1 if parts[:1] == [MANY] else 0 : -1 if parts[1:] and parts[-1] == MANY else None]
    suffix = "_cased" if cased else ""
    text = literal(inner)
    if text is None:
        return "word_glob" + suffix, "(?s)" + pattern(inner, cased=cased)
    return "word" + suffix, text if cased else text.casefold()


def pattern(parts: Parts, *, cased: bool) -> str:
    """Return the RE2 pattern of a text, its literals case-folded unless ``cased``."""
    found = []
    for part in parts:
        if isinstance(part, list):
            found.append(".*" if part == MANY else ".")
        else:
            found.append(_text_patterns.escape(part if cased else part.casefold()))
    return "".join(found)
