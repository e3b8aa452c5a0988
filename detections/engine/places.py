"""The line of a rule file that a fault is about: its reason begins with the keys that lead there."""

import re as _own_patterns
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

#: Keys that a reason's first word may stand below without naming them.
_SECTIONS = ("detection", "filter", "correlation", "logsource", "hinomi")
_NUMBERED = _own_patterns.compile(r"(.*)\[(\d+)\]")


def placed(where: str, rule: str, reason: str) -> str:
    """Return ``file:line`` of a fault; the file alone where that cannot be told, or the line is named already."""
    try:
        line = line_of(Path(where).read_bytes(), rule, reason)
    except OSError:
        return where
    return f"{where}:{line}" if line else where


def line_of(data: bytes, rule: str, reason: str) -> int | None:
    """Return the line, from 1, in the document of a rule (by id, name or title; one alone needs none)."""
    return line_at(data, rule, _words(reason))


def line_at(data: bytes, rule: str, keys: list[str], text: str = "") -> int | None:
    """Return the line that keys lead to, or, below it, the first that holds a text."""
    try:
        roots = [node for node in yaml.compose_all(data, yaml.CSafeLoader) if isinstance(node, yaml.MappingNode)]
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    named = [root for root in roots if rule in {_scalar(root, key) for key in ("id", "name", "title")}]
    if not roots:
        return None
    root = named[-1] if named else roots[0]  # of two with one id, the second is at fault
    _, line = max(_paths(root, keys), key=lambda path: path[0], default=(0, root.start_mark.line + 1))
    below = data.decode("utf-8", "replace").splitlines()[line - 1 : root.end_mark.line + 1] if text else []
    return next((line + number for number, content in enumerate(below) if text in content), line)


def _paths(root: Any, words: list[str]) -> Iterator[tuple[int, int]]:
    """Yield (how many words were followed, line) from the document and from each of its sections."""
    yield _follow(root, words)
    for key, value in root.value:
        if key.value in _SECTIONS:
            yield _follow(value, words, key.start_mark.line + 1)


def _follow(node: Any, words: list[str], line: int = 0) -> tuple[int, int]:
    line, count = line or node.start_mark.line + 1, 0
    for word in words:
        numbered = _NUMBERED.fullmatch(word)
        below = _below(node, numbered[1] if numbered else word)
        if below is None:
            break
        line, node = below
        count += 1
        if numbered and isinstance(node, yaml.SequenceNode) and int(numbered[2]) < len(node.value):
            node = node.value[int(numbered[2])]
            line = node.start_mark.line + 1
    return count, line


def _below(node: Any, word: str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == word:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if isinstance(item, yaml.ScalarNode) and item.value == word:
                return item.start_mark.line + 1, item
    return None


def _words(reason: str) -> list[str]:
    """Return the keys that a reason begins with: ``selection: Image|re: …``, ``hinomi.until: …``, ``condition 'a'…``."""
    found: list[str] = []
    for part in reason.split(": ")[:-1] or [reason]:
        first = part.split()[0] if part.split() else ""
        found += [part] if part == first and "|" in part else first.split(".")
    return [word for word in found if word]


def _scalar(root: Any, name: str) -> str | None:
    return next(
        (value.value for key, value in root.value if key.value == name and isinstance(value, yaml.ScalarNode)), None
    )
