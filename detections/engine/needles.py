r"""Many needles, one text of joined values (``\0a\0b\0``): the quickest way to ask whether one, or each, stands there.

What most rules ask is the name at a path's end: of a single value, its name is looked up, however many names there are.
"""

import re as _text_patterns
from collections.abc import Callable, Sequence
from typing import Protocol

from hinomi.detections.engine.predicates import searcher

#: So many ends of a value are worth a look-up; so many other needles an expression of all, if it is not as long as this.
FEW, MANY, LONG = 3, 24, 100_000


class Texts(Protocol):
    """Joined values by the number of their fields."""

    def __getitem__(self, number: int, /) -> str: ...


Asked = Callable[[Texts], bool]


def one(number: int, needle: str) -> Asked:
    """Tell whether a needle stands in a text."""
    return lambda texts: needle in texts[number]


def every(number: int, needles: Sequence[str]) -> Asked:
    """Tell whether each does."""

    def run(texts: Texts) -> bool:
        text = texts[number]
        for needle in needles:  # noqa: SIM110 - a loop is twice as fast as all() over a generator
            if needle not in text:
                return False
        return True

    return run


def some(number: int, needles: Sequence[str]) -> Asked:
    """Tell whether any does: what may be a whole value or its end is looked up, the others are searched."""
    if len(needles) == 1:
        return one(number, needles[0])
    ends = frozenset(needle for needle in needles if needle.endswith("\0"))
    inner = [needle for needle in needles if not needle.endswith("\0")]
    if len(ends) < FEW:
        return _within(number, needles)
    return _at_end(number, ends, _within(number, inner) if inner else None, _each(number, needles))


def _at_end(number: int, ends: frozenset[str], within: Asked | None, slow: Asked) -> Asked:
    """Look ends up, if there is one value: wholes, names behind the last backslash, others by their length."""
    wholes = frozenset(end for end in ends if end.startswith("\0"))
    names = frozenset(end for end in ends if end.rfind("\\") == 0)
    others = ends - wholes - names
    lengths = sorted({len(end) for end in others})

    def run(texts: Texts) -> bool:
        text = texts[number]
        if text.find("\0", 1) != len(text) - 1:
            return slow(texts)
        if text in wholes or text[text.rfind("\\") :] in names:
            return True
        for length in lengths:
            if text[-length:] in others:
                return True
        return within is not None and within(texts)

    return run


def _within(number: int, needles: Sequence[str]) -> Asked:
    if len(needles) < MANY or sum(map(len, needles)) > LONG or not all(map(str.isascii, needles)):
        return _each(number, needles)
    search = searcher("|".join(map(_text_patterns.escape, needles)))
    return lambda texts: search(texts[number])


def _each(number: int, needles: Sequence[str]) -> Asked:
    def run(texts: Texts) -> bool:
        text = texts[number]
        if text:
            for needle in needles:
                if needle in text:
                    return True
        return False

    return run
