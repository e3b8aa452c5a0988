"""Which literals are looked for in every event, and which rules each makes a candidate. Data: kept in the cache.

Each rule gives the clause that is met most seldom. A rule without one is a candidate for every event of its log source.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hinomi.detections.engine import commonplace
from hinomi.detections.engine.lines import pattern
from hinomi.detections.engine.literals import END, START, WHOLE, WITHIN, Clause, Finder, Literal, needed
from hinomi.detections.engine.predicates import UNSEARCHED, Node
from hinomi.detections.engine.routing import PINNED
from hinomi.detections.fieldmap import choices_of

COMMON = 0.7
#: A literal of ASCII with what stands around it has at least so many bytes: shorter ones stand in nearly every event.
SHORTEST = 3
_FOREIGN = 1e-5
_FRAME = {WITHIN: 0, START: 1, END: 1, WHOLE: 2}
_GRAM = 4
#: What the extension puts before and behind every value.
FRAME = b"\xff"
_FRAMES = {WITHIN: (b"", b""), START: (FRAME, b""), END: (b"", FRAME), WHOLE: (FRAME, FRAME)}


class Plan(msgspec.Struct, frozen=True):
    """``literals[i]`` makes the rules ``numbers[i]`` candidates, found by its bytes at ``places[i]``.

    The rules ``always`` have none. The literals of ``common`` ones stand in so many events that asking each rule is
    quicker than a search from Python. ``pinned[rule]`` narrows its routes.
    ``trees[rule]`` is its condition, packed, `prepared`. ``reads[rule]`` are the fields that it reads by their names; the
    rules ``wide`` may read any other too.
    """

    literals: list[Literal]
    numbers: list[list[int]]
    places: list[int]
    always: list[int]
    common: list[int]
    pinned: dict[int, list[str]]
    trees: list[bytes]
    reads: list[list[str]]
    wide: list[int]


class Rarity:
    """How often a literal is met: as learned from events, else guessed from its length and how many rules know it."""

    def __init__(self, learned: Mapping[str, float], uses: Mapping[str, int]):
        """``learned`` and ``uses`` by `key`; what was learned from no event is 0 where anything was learned."""
        self._learned, self._uses = learned, uses
        self._known: dict[Literal, float] = {}

    def cost(self, literal: Literal) -> float:
        """Return the share of events in which it stands, about; infinite where it cannot be looked for."""
        found = self._known.get(literal)
        if found is None:
            found = self._known[literal] = self._cost(literal)
        return found

    def _cost(self, literal: Literal) -> float:
        if not pattern(literal):
            return float("inf")
        if not literal.text.isascii():
            return self._learned.get(key(literal), 0.0) + _FOREIGN
        size = len(literal.text) + _FRAME[literal.how]
        if size < SHORTEST:
            return float("inf")
        if self._learned:
            return self._learned.get(key(literal), 0.0) + 2.5**-size
        if literal.text in commonplace.TEXT:
            return COMMON / 100  # a guess makes nothing common
        return min(COMMON / 1000, 2.5**-size + self._uses.get(key(literal), 1) / 1e7)


def key(literal: Literal) -> str:
    """Return the name of a literal in what is learned: how it stands and its text."""
    return f"{literal.how}:{literal.text}"


def make(trees: Sequence[Node], finder: Finder, often: Mapping[bytes, float], virtual: Mapping[str, Any]) -> Plan:
    """Return the plan of rules, numbered as their trees; ``often``: four bytes → the share of events they stand in."""
    wanted: dict[Literal, list[int]] = {}
    always: list[int] = []
    common: list[int] = []
    pinned: dict[int, list[str]] = {}
    packed: list[bytes] = []
    for number, tree in enumerate(trees):
        clauses = finder.clauses(tree)
        packed.append(msgspec.msgpack.encode(prepared(tree, finder)))
        if values := _pinned(clauses):
            pinned[number] = values
        best = min(clauses, key=finder.weight, default=None)
        weight = finder.weight(best) if best else math.inf
        if best is None or math.isinf(weight):
            always.append(number)
            continue
        if weight > COMMON:
            common.append(number)
        for literal in best:
            wanted.setdefault(literal, []).append(number)
    read = [_reads(tree, virtual) for tree in trees]
    return Plan(
        list(wanted), list(wanted.values()), list(rarest(list(wanted), often)), always, common, pinned, packed,
        reads=[names for names, _ in read], wide=[number for number, (_, wide) in enumerate(read) if wide],
    )  # fmt: skip


def rarest(literals: Sequence[Literal], common: Mapping[bytes, float]) -> Iterator[int]:
    """Yield where in each framed literal the four bytes begin that are met most seldom: it is found by them."""
    texts = [_framed(literal) for literal in literals]
    uses = Counter(gram for text in texts for gram in set(grams(text)))
    for text in texts:
        places = list(enumerate(grams(text)))
        yield min(places, key=lambda place: (common.get(place[1], 0.0), uses[place[1]]), default=(0, b""))[0]


def grams(text: bytes) -> Iterator[bytes]:
    """Yield every four bytes of a text."""
    return (text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1))


def _framed(literal: Literal) -> bytes:
    before, after = _FRAMES[literal.how]
    return before + literal.text.encode("utf-8", "surrogatepass") + after


def _pinned(clauses: Iterable[Clause]) -> list[str]:
    for clause in clauses:
        if all(literal.how == WHOLE and literal.fields == (PINNED,) for literal in clause):
            return sorted(literal.text for literal in clause)
    return []


def _reads(tree: Node, virtual: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Return the fields that a rule reads by their names, and whether it may read others: for keywords, or names that say so."""
    found: set[str] = set()
    wide = False
    ahead = [tree]
    while ahead:
        node = ahead.pop()
        if node[0] != "atom":
            ahead += [node[1]] if node[0] == "not" else node[1]
            continue
        _, names, kind, operand = node
        wide = wide or not names
        for name in [*names, *(operand[0] if kind in ("ref", "ref_cased") else ())]:
            choices = choices_of(virtual[name]) if name in virtual else [((), (name,))]
            read = {field for condition, fields in choices for field in (*fields, *(of for of, _ in condition))}
            wide = wide or not read or name in UNSEARCHED or any("*" in field for field in read)
            found |= read
    return sorted(found), wide


def atoms(tree: Node) -> Iterator[Node]:
    """Yield the atoms of a tree that are not below a ``not``."""
    if tree[0] == "atom":
        yield tree
    elif tree[0] != "not":
        for child in tree[1]:
            yield from atoms(child)


def prepared(tree: Node, finder: Finder) -> Node:
    """Return a tree that asks the rarest first, and an expression or network only where the texts stand that it needs."""
    kind = tree[0]
    if kind == "not":
        return ["not", prepared(tree[1], finder)]
    if kind in ("and", "or"):
        children = sorted(tree[1], key=finder.weigh) if kind == "and" else tree[1]
        return [kind, [prepared(child, finder) for child in children]]
    _, names, name, operand = tree
    how: tuple[str, list[Any]] = ("contains", list(names)) if names else ("word", [])
    guards = [["or", [["atom", how[1], how[0], text] for text in sorted(texts)]] for texts in needed(name, operand)]
    return ["and", [*guards, tree]] if guards else tree
