"""Class rules: path, share or name patterns → class Ⅰ-Ⅳ (重要性分類), the highest one wins.

Patterns are globs (``*``, ``?``), case-insensitive, matched by RE2: linear time on any file name.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import re2

from hinomi.tenancy import within

FileClass = Literal["I", "II", "III", "IV"]
CLASSES: tuple[str, ...] = ("I", "II", "III", "IV")
FIELDS = {"path": ("file.path", "file.target_path"), "name": ("file.name",), "share": ("file.share", "file.path")}


class ClassRule(msgspec.Struct, frozen=True):
    """One rule of a tenant (it holds for everything below)."""

    tenant: str
    kind: Literal["path", "share", "name"]
    pattern: str
    file_class: FileClass


def glob_to_re2(pattern: str) -> str:
    """Return a glob as an anchored, case-insensitive RE2 expression."""
    body = "".join(".*" if c == "*" else "." if c == "?" else re2.escape(c) for c in pattern)
    return f"(?is)^{body}$"


class Classifier:
    """Rules compiled once a directory version, by tenant and kind."""

    def __init__(self, rules: Sequence[ClassRule]):
        groups: dict[tuple[str, str, str], list[str]] = {}
        for rule in rules:
            groups.setdefault((rule.file_class, rule.kind, rule.tenant), []).append(f"(?:{glob_to_re2(rule.pattern)})")
        self._compiled = [
            (file_class, FIELDS[kind], tenant, re2.compile("|".join(patterns)))
            for (file_class, kind, tenant), patterns in sorted(groups.items(), key=lambda g: CLASSES.index(g[0][0]))
        ]

    def classify(self, event: dict[str, Any], tenant: str) -> str | None:
        """Return the highest class whose rule fits the event's file, or None."""
        values: dict[str, Any] = {
            name: event[name] for name in ("file.path", "file.name", "file.share", "file.target_path") if name in event
        }
        if not values:
            return None
        for file_class, fields, place, pattern in self._compiled:
            if within(tenant, place):
                for name in fields:
                    value = values.get(name)
                    if isinstance(value, str) and pattern.search(value):
                        return file_class
        return None
