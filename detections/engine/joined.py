r"""Trees to fast predicates: the same answers as `hinomi.detections.engine.predicates`, over joined values.

All values of the fields that an atom asks are one case-folded text, ``\0a\0b\0``: equality, start, end and
containment are each one search for a needle, and many atoms on the same fields one loop. A value that holds
a NUL itself has no such text: `Odd` sends the event to the simple predicates.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hinomi.detections.engine import needles
from hinomi.detections.engine.literals import END, START, WHOLE, WITHIN, Literal, needed
from hinomi.detections.engine.predicates import Node, View, Virtual, build
from hinomi.event import Event

Fast = Callable[["Joined"], bool]
_FRAMES = {WITHIN: ("", ""), START: ("\0", ""), END: ("", "\0"), WHOLE: ("\0", "\0")}


class Odd(Exception):
    """A value that holds a NUL."""


class Fields:
    """The groups of fields that atoms ask, numbered: (names, cased); ``single``: the name of one that is a field, not cased."""

    def __init__(self, virtual: Virtual) -> None:
        self.virtual = virtual
        self.groups: list[tuple[tuple[str, ...], bool]] = []
        self.single: list[str] = []
        self._numbers: dict[tuple[tuple[str, ...], bool], int] = {}

    def number(self, names: Sequence[str], cased: bool) -> int:
        """Return the number of a group; no names: every field."""
        group = (tuple(names), cased)
        if group not in self._numbers:
            self._numbers[group] = len(self.groups)
            self.groups.append(group)
            self.single.append(names[0] if len(names) == 1 and not cased and names[0] not in self.virtual else "")
        return self._numbers[group]


class Joined(dict[int, str]):
    """One event: number of a group of fields → its joined values, made when asked."""

    __slots__ = ("_fields", "_view", "event")

    def __init__(self, event: Event, fields: Fields):
        self.event = event
        self._fields = fields
        self._view: View | None = None

    @property
    def view(self) -> View:
        """The event as simple predicates see it, made when the first one asks."""
        if self._view is None:
            self._view = View(self.event, self._fields.virtual)
        return self._view

    def __missing__(self, number: int) -> str:
        name = self._fields.single[number]
        if name:  # as most are
            value = self.event.get(name)
            if value.__class__ is str:
                if "\0" in value:
                    raise Odd
                found = self[number] = f"\0{value}\0".casefold()
                return found
        names, cased = self._fields.groups[number]
        values = self._values(names) if names else self.view.words(cased=cased)
        joined = ""
        if values:
            joined = f"\0{values[0]}\0" if len(values) == 1 else "\0" + "\0".join(values) + "\0"
            if joined.count("\0") != len(values) + 1:
                raise Odd
            joined = joined if cased else joined.casefold()
        self[number] = joined
        return joined

    def _values(self, names: Sequence[str]) -> list[str]:
        values: list[str] = []
        get, virtual = self.event.get, self._fields.virtual
        for name in names:
            value = get(name)
            if value.__class__ is str and name not in virtual:
                values.append(value)
            elif value.__class__ is int and name not in virtual:
                values.append(str(value))
            elif value is not None or name in virtual:
                values += self.view.texts(name)
        return values


class Compiler:
    """Makes fast predicates; ``weigh`` tells how often a tree holds, so that an ``and`` asks the rarest first."""

    def __init__(self, fields: Fields, weigh: Callable[[Node], float]):
        self._fields, self._weigh = fields, weigh

    def compile(self, node: Node, *, met: bool = False) -> Fast:
        """Return the predicate of a tree; ``met``: a text of its rarest part was found already, so the others are asked first."""
        kind = node[0]
        if kind == "not":
            inner = self.compile(node[1])
            return lambda joined: not inner(joined)
        if kind == "atom":
            asked = self._needle(node)
            return needles.one(*asked) if asked else self._guarded(node)
        if kind == "and":
            children = sorted(_flat(node, kind), key=self._weigh)
            if denied := [child[1] for child in children if child[0] == "not"]:
                return self._but([child for child in children if child[0] != "not"], denied, met=met)
            if met:
                children.append(children.pop(0))
            parts = [needles.every(*group) if many else self.compile(group) for many, group in self._grouped(children)]
            return _all(parts)
        parts = [
            needles.some(*group) if many else self.compile(group) for many, group in self._grouped([*_flat(node, kind)])
        ]
        return _any(parts)

    def _but(self, wanted: Sequence[Node], denied: Sequence[Node], *, met: bool) -> Fast:
        """Return the predicate of what holds if all of the first do, and none of the others."""
        none = self.compile(["or", denied])
        if not wanted:
            return lambda joined: not none(joined)
        holds = self.compile(["and", wanted], met=met)
        return lambda joined: holds(joined) and not none(joined)

    def _guarded(self, atom: Node) -> Fast:
        """Return the predicate of an expression or a network behind the texts that must stand in what it matches."""
        predicate = build(atom)
        guards = [
            needles.some(self._fields.number(atom[1], False), sorted(texts)) for texts in needed(atom[2], atom[3])
        ]
        ask: Fast = lambda joined: predicate(joined.view)  # noqa: E731 - one of the parts
        return _all([*guards, ask]) if guards else ask

    def _grouped(self, children: Sequence[Node]) -> Iterator[tuple[bool, Any]]:
        """Yield (True, (group of fields, needles)) for atoms that one loop can ask, (False, node) for others."""
        found: dict[int, list[str]] = {}
        others: list[tuple[bool, Any]] = []
        for child in children:
            asked = self._needle(child) if child[0] == "atom" else None
            if asked is None:
                others.append((False, child))
            elif asked[0] in found:
                found[asked[0]].append(asked[1])
            else:
                found[asked[0]] = [asked[1]]
                others.append((True, (asked[0], found[asked[0]])))
        yield from others

    def literal(self, literal: Literal) -> tuple[int, str] | None:
        """Return where and how a literal is looked for; None if it may stand anywhere."""
        before, after = _FRAMES[literal.how]
        if not literal.fields or "\0" in literal.text:
            return None
        return self._fields.number(literal.fields, False), before + literal.text + after

    def _needle(self, atom: Node) -> tuple[int, str] | None:
        """Return (group of fields, needle) of an atom that is a search, else None."""
        _, names, kind, operand = atom
        base, cased = kind.removesuffix("_cased"), kind.endswith("_cased")
        if base == "word":
            base = WITHIN
        elif not names:
            return None
        if base not in _FRAMES or not operand or "\0" in operand:
            return None
        before, after = _FRAMES[base]
        return self._fields.number(names, cased), before + operand + after


def _flat(node: Node, kind: str) -> Iterator[Node]:
    for child in node[1]:
        if child[0] == kind:
            yield from _flat(child, kind)
        else:
            yield child


def _all(parts: Sequence[Fast]) -> Fast:
    """Return whether all parts hold; two and three are written out, since a loop costs as much as a part."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        one, two = parts
        return lambda joined: one(joined) and two(joined)
    if len(parts) == 3:
        one, two, three = parts
        return lambda joined: one(joined) and two(joined) and three(joined)

    def run(joined: Joined) -> bool:
        for part in parts:  # noqa: SIM110 - the same
            if not part(joined):
                return False
        return True

    return run


def _any(parts: Sequence[Fast]) -> Fast:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        one, two = parts
        return lambda joined: one(joined) or two(joined)
    if len(parts) == 3:
        one, two, three = parts
        return lambda joined: one(joined) or two(joined) or three(joined)

    def run(joined: Joined) -> bool:
        for part in parts:  # noqa: SIM110 - the same
            if part(joined):
                return True
        return False

    return run


__all__ = ["Compiler", "Fields", "Joined", "Odd"]
