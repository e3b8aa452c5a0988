"""Sigma's conditions to a tree: ``selection and not 1 of filter_*``; also those of filters and correlations.

Specification: Sigma rules 2.1.0, "Condition": not binds tighter than and, and tighter than or; ``1/any/all of``
a pattern, or of ``them`` (all identifiers that do not start with an underscore).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hinomi.detections.engine.predicates import Unsupported

#: ``["id", name]``, ``["of", "1"|"all", pattern]``, ``["not", node]``, ``["and"|"or", [node, …]]``.
Parsed = list[Any]
DEPTH = 100
_WORDS = frozenset({"and", "or", "not", "of", "(", ")"})


def parse(text: Any) -> Parsed:
    """Return the tree of a condition.

    Raises:
        Unsupported: If it is none; says what stands where.
    """
    if not isinstance(text, str) or not text.strip():
        raise Unsupported(f"condition {text!r}: write a text, as 'selection and not filter'")
    if "|" in text:
        raise Unsupported(f"condition {text!r}: aggregation after '|' left Sigma in version 2; write a correlation")
    return _Parser(text).whole()


def names(node: Parsed, known: Sequence[str]) -> list[str]:
    """Return the identifiers that a condition names, in order, patterns resolved."""
    if node[0] == "id":
        return [node[1]]
    if node[0] == "of":
        return list(fitting(node[2], known))
    children = [node[1]] if node[0] == "not" else node[1]
    return list(dict.fromkeys(name for child in children for name in names(child, known)))


def fitting(pattern: str, known: Iterable[str]) -> Iterator[str]:
    """Yield the identifiers that a pattern means."""
    for name in known:
        if pattern == "them":
            if not name.startswith("_"):
                yield name
        elif _like(pattern, name) and (pattern.startswith("_") or not name.startswith("_")):
            yield name


def _like(pattern: str, name: str) -> bool:
    """Compare with ``*`` standing for anything, without backtracking over rule text by a regular expression."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    if not name.startswith(first) or not name.endswith(rest[-1]) or len(name) < len(first) + len(rest[-1]):
        return False
    name = name[len(first) : len(name) - len(rest[-1])]
    for part in rest[:-1]:
        _, found, name = name.partition(part) if part else ("", True, name)
        if not found:
            return False
    return True


class _Parser:
    """Recursive descent over the words of one condition."""

    def __init__(self, text: str):
        self.text = text
        self.words = text.replace("(", " ( ").replace(")", " ) ").split()
        self.at = 0

    def whole(self) -> Parsed:
        node = self._any_of("or", 0)
        if self.at < len(self.words):
            raise self._fault(f"{self.words[self.at]!r} is too much")
        return node

    def _any_of(self, word: str, depth: int) -> Parsed:
        """Read what ``or``, or ``and``, links."""
        if depth > DEPTH:
            raise self._fault(f"nested more than {DEPTH} deep")
        parts = [self._linked(word, depth)]
        while self._next() == word:
            self.at += 1
            parts.append(self._linked(word, depth))
        return parts[0] if len(parts) == 1 else [word, parts]

    def _linked(self, word: str, depth: int) -> Parsed:
        return self._any_of("and", depth) if word == "or" else self._negated(depth)

    def _negated(self, depth: int) -> Parsed:
        negated = False
        while self._next() == "not":
            self.at += 1
            negated = not negated
        node = self._operand(depth)
        return ["not", node] if negated else node

    def _operand(self, depth: int) -> Parsed:
        word = self._next()
        if word == "":
            raise self._fault("it ends where a search identifier is expected")
        here = self.words[self.at]
        self.at += 1
        if word == "(":
            node = self._any_of("or", depth + 1)
            if self._next() != ")":
                raise self._fault("a bracket is not closed")
            self.at += 1
            return node
        if self._next() == "of" and self.at + 1 < len(self.words):
            return self._selector(here)
        if word in _WORDS:
            raise self._fault(f"{here!r} stands where a search identifier is expected")
        return ["id", here]

    def _selector(self, quantity: str) -> Parsed:
        pattern = self.words[self.at + 1]
        self.at += 2
        if quantity.lower() not in ("1", "any", "all"):
            raise self._fault(f"'{quantity} of' is not Sigma; write '1 of' or 'all of'")
        if pattern in _WORDS:
            raise self._fault(f"{pattern!r} stands where a pattern is expected")
        return ["of", "all" if quantity.lower() == "all" else "1", pattern]

    def _next(self) -> str:
        """Return the next word; operators in any case, as older rules write them."""
        word = self.words[self.at] if self.at < len(self.words) else ""
        return word.lower() if word.lower() in _WORDS else word

    def _fault(self, reason: str) -> Unsupported:
        return Unsupported(f"condition {self.text[:200]!r}: {reason}")
