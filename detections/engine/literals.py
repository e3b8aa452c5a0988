"""What must stand in an event for a rule to match: literals, gathered into necessary any-of clauses.

A rule's condition holds only if each of its clauses does, and a clause only if one of its literals stands
in one of its fields. Over-approximation is allowed here (the predicate decides), a miss is not.
"""

import ipaddress
import re._constants as ops
import re._parser as patterns
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hinomi.detections.engine.predicates import Node

#: How a literal stands in a value: anywhere, at its start, at its end, as the whole.
WITHIN, START, END, WHOLE = "contains", "prefix", "suffix", "eq"


class Literal(NamedTuple):
    """Case-folded text in one of ``fields``, or in any if there are none."""

    fields: tuple[str, ...]
    how: str
    text: str


Clause = frozenset[Literal]


class Finder:
    """Finds the clauses of trees.

    ``virtual`` names are no fields of events; one whose function has an ``evidence`` says which part of a
    literal stands in the event's own values wherever the literal stands in what the function makes of them.
    """

    def __init__(self, virtual: Mapping[str, Any], cost: Callable[[Literal], float]):
        self._virtual, self._cost = virtual, cost

    def weight(self, clause: Clause) -> float:
        """Return how often a clause is met, about."""
        return sum(map(self._cost, clause))

    def weigh(self, tree: Node) -> float:
        """Return how often a tree can hold at most, about; infinite where nothing is known."""
        return min(map(self.weight, self.clauses(tree)), default=float("inf"))

    def clauses(self, node: Node) -> list[Clause]:
        """Return the necessary clauses of a tree; none where nothing can be said, as below a ``not``."""
        kind = node[0]
        if kind == "and":
            return [clause for child in node[1] for clause in self.clauses(child)]
        if kind == "or":
            return self._either([self.clauses(child) for child in node[1]])
        return self._atom(*node[1:]) if kind == "atom" else []

    def _either(self, branches: Sequence[list[Clause]]) -> list[Clause]:
        if not all(branches):
            return []
        return [frozenset().union(*(min(branch, key=self.weight) for branch in branches))]

    def _atom(self, names: Sequence[str], kind: str, operand: Any) -> list[Clause]:
        base = kind.removesuffix("_cased")
        if base in ("re", "glob", "word_re", "word_glob", "cidr"):
            found = [self._placed(names, [(WITHIN, text) for text in texts]) for texts in needed(base, operand)]
            return [clause for clause in found if clause]
        how = WITHIN if base == "word" else base
        if how not in (WITHIN, START, END, WHOLE) or not operand:
            return []
        clause = self._placed(names, [(how, operand.casefold())])
        return [clause] if clause else []

    def _placed(self, names: Sequence[str], texts: Sequence[tuple[str, str]]) -> Clause | None:
        own = tuple(name for name in names if name not in self._virtual)
        found = {Literal(own, how, text) for how, text in texts} if own or not names else set()
        for name in names:
            if name in self._virtual:
                piece = getattr(self._virtual[name], "evidence", None)
                if piece is None:
                    return None
                found |= {Literal((), WITHIN, piece(text)) for _, text in texts}
        return frozenset(found) if all(literal.text for literal in found) else None


def needed(kind: str, operand: Any) -> list[frozenset[str]]:
    """Return what must stand in any text that an expression or a network matches: any-of sets, case-folded."""
    if kind.removesuffix("_cased") in ("re", "glob", "word_re", "word_glob"):
        return regex_texts(operand)
    if kind != "cidr":
        return []
    network = ipaddress.ip_network(operand)
    if network.version == 6:
        return [frozenset(":")]
    first = str(network.network_address).partition(".")[0]
    return [frozenset((f"{first}.", ":"))] if network.prefixlen >= 8 else []  # it may be written as IPv6


def regex_texts(pattern: str) -> list[frozenset[str]]:
    """Return what must stand in any text that a regular expression matches: any-of sets, case-folded.

    The pattern is RE2's; it is read by Python's parser, and where the two might differ nothing is said.
    """
    if "[[:" in pattern or "[^[:" in pattern:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = patterns.parse(pattern.replace("\\z", "\\Z"))
    except (patterns.error, OverflowError, RecursionError):
        return []
    return list(_sequence(parsed))


def _sequence(parsed: Any) -> Iterator[frozenset[str]]:
    run = ""
    for op, argument in _inlined(parsed):
        sign = _sign(op, argument)
        if sign is not None:
            run += sign
            continue
        if run:
            yield frozenset((run,))
        run = ""
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT) and argument[0] > 0:
            yield from _sequence(argument[2])
        elif op is ops.BRANCH:
            branches = [list(_sequence(branch)) for branch in argument[1]]
            if all(branches):
                yield frozenset().union(*(max(branch, key=_length) for branch in branches))
    if run:
        yield frozenset((run,))


def _inlined(parsed: Any) -> Iterator[tuple[Any, Any]]:
    for op, argument in parsed:
        if op is ops.SUBPATTERN:
            yield from _inlined(argument[3])
        else:
            yield op, argument


def _sign(op: Any, argument: Any) -> str | None:
    """Return the case-folded character that an item stands for, if it is just one."""
    if op is ops.LITERAL:
        return chr(argument).casefold()
    if op is ops.IN and all(kind is ops.LITERAL for kind, _ in argument):
        folded = {chr(code).casefold() for _, code in argument}
        return folded.pop() if len(folded) == 1 else None
    return None


def _length(texts: frozenset[str]) -> int:
    return min(map(len, texts))
