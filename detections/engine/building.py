"""From compiled rules to a matcher, with what is kept between starts: the plan, and its patterns compiled.

Kept as data (msgpack, Hyperscan's own form), by the content of the rules, this code and what was learned.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from hinomi.detections.engine import commonplace, native
from hinomi.detections.engine.compiling import Compiled, code_version
from hinomi.detections.engine.keeping import read, trim, write
from hinomi.detections.engine.lines import pattern, searched
from hinomi.detections.engine.literals import Finder, Literal
from hinomi.detections.engine.matching import Exact, LineMatcher, Matcher
from hinomi.detections.engine.plan import FRAME, Plan, Rarity, atoms, grams, key, make
from hinomi.detections.engine.predicates import Node, Virtual, texts_of
from hinomi.detections.engine.routing import Route, Router
from hinomi.event import Event

#: Set to anything: the extension in C is left alone.
PURE = "HINOMI_PURE_PYTHON"
#: Of so many events the four bytes are counted, and so many kept.
EVERY, MOST_GRAMS = 10, 30_000
UNSEEN = 0.01
#: What was learned, a file for each that learned: the partitions of a site, or what was given to `learn`.
RARITY, GIVEN = "rarity-{}.msgpack", "given"
_encode = msgspec.msgpack.Encoder().encode
_plan = msgspec.msgpack.Decoder(Plan).decode


class Learned(msgspec.Struct):
    """What is rare: the share of events in which literals (by their `key`), and any four bytes, stand."""

    literals: dict[str, float]
    grams: dict[bytes, float]


_learned = msgspec.msgpack.Decoder(Learned).decode


class Building:
    """Makes the matcher of one set of rules, numbered as given."""

    def __init__(self, rules: Sequence[Compiled], virtual: Virtual, cache: Path | None):
        """``cache`` is the folder that compiled rules are kept in; without one nothing is kept."""
        self._rules, self._virtual, self._cache = rules, virtual, cache
        self._learned = _together(_remembered(cache))

    def matcher(self) -> Matcher:
        """Return the fastest matcher there is here."""
        return next(self.matchers())

    def matchers(self) -> Iterator[Matcher]:
        """Yield every matcher there is here, the fastest first; they answer alike."""
        plan, mark = self._plan()
        exact = Exact(lambda number: self._rules[number].tree or [], self._virtual)
        routes = self.routes(plan)
        weigh = Finder(self._virtual, Rarity(self._learned.literals, {}).cost).weigh
        if native.available() and not os.environ.get(PURE):
            yield native.NativeMatcher(exact, Router(routes, plan.always), plan)
        yield self._line_matcher(exact, Router(routes, [*plan.always, *plan.common]), plan, mark, weigh)

    def _line_matcher(
        self, exact: Exact, router: Router, plan: Plan, mark: str, weigh: Callable[[Node], float]
    ) -> Matcher:
        from hinomi.detections.engine.linefilter import (  # Hyperscan is large, and not always needed
            LineFilter,
            patterns_of,
        )

        path = self._cache and self._cache / f"lines-{mark}.hyperscan"
        line_filter = LineFilter(patterns_of(plan), read(path, bytes) if path else None)
        if path and line_filter.fresh:
            write(path, line_filter.dump())
        return LineMatcher(exact, router, line_filter, plan, weigh)

    def routes(self, plan: Plan | None = None) -> list[Route]:
        """Return every log source of every rule, narrowed by the plan."""
        pinned = plan.pinned if plan else {}
        return [
            Route(number, tuple((name, value.casefold()) for name, value in condition), pinned.get(number, ()))
            for number, rule in enumerate(self._rules)
            for condition in rule.routes
        ]

    def learn(self, events: Iterable[Event], name: str = GIVEN) -> None:
        """Count how often each literal is met in ``events``; the next matcher looks for what is rare in them.

        It is kept under ``name``: what is often met under any name is often met.
        """
        from hinomi.detections.engine.linefilter import compile_patterns

        literals = self._literals()
        patterns = sorted({found for literal in literals for found in pattern(literal)})
        numbers = {found: number for number, found in enumerate(patterns)}
        database, met, seen, total = compile_patterns(patterns), Counter[int](), Counter[bytes](), 0
        for total, event in enumerate(events, 1):
            database.scan(searched(event), match_event_handler=_count, context=met)  # type: ignore[arg-type]  # the context's own type
            if total % EVERY == 0:
                seen.update(set(grams(_framed(event))))
        shares = {
            key(literal): sum(met[numbers[found]] for found in pattern(literal)) / total
            for literal in literals
            if any(met[numbers[found]] for found in pattern(literal))
        }
        often = {gram: count * EVERY / total for gram, count in seen.most_common(MOST_GRAMS)}
        often = dict.fromkeys(_guessed(), UNSEEN) | often  # a sample does not hold every kind of event
        learned = Learned(shares | {"": 1.0}, often)
        self._learned = _together([*_remembered(self._cache, but=name), learned])
        if self._cache:
            self._plan()  # kept first: whoever sees what was learned finds the plan that follows from it
            write(self._cache / RARITY.format(name), _encode(learned))

    def plan(self) -> Plan:
        """Return what is looked for."""
        return self._plan()[0]

    def _plan(self) -> tuple[Plan, str]:
        mark = self._mark()
        path = self._cache and self._cache / f"plan-{mark}.msgpack"
        plan: Plan | None = read(path, _plan) if path else None
        if plan is None:
            plan = make([rule.tree or [] for rule in self._rules], self._finder(), self._learned.grams, self._virtual)
            if path:
                write(path, _encode(plan))
                trim(path.parent, "plan-*", "lines-*")
        return plan, mark

    def _mark(self) -> str:
        mark = hashlib.sha256(code_version().encode() + _encode(self._learned))
        for rule in self._rules:
            mark.update(_encode((rule.info.id, rule.routes, rule.tree)))
        return mark.hexdigest()[:16]

    def _finder(self) -> Finder:
        uses = {} if self._learned.literals else Counter(map(key, self._literals()))
        return Finder(self._virtual, Rarity(self._learned.literals, uses).cost)

    def _literals(self) -> list[Literal]:
        finder = Finder(self._virtual, lambda literal: 1.0)
        return [
            literal
            for rule in self._rules
            for literal in {
                literal
                for atom in atoms(rule.tree or ["or", []])
                for clause in finder.clauses(atom)
                for literal in clause
            }
        ]


def _remembered(cache: Path | None, but: str = "") -> Iterator[Learned]:
    """Yield what was learned, but that of one name."""
    for path in sorted(cache.glob(RARITY.format("*"))) if cache else ():
        learned = read(path, _learned) if path.name != RARITY.format(but) else None
        if learned is not None:
            yield learned


def _together(found: Iterable[Learned]) -> Learned:
    """Return one of several: the larger share of each; what is guessed, of none."""
    literals: dict[str, float] = {}
    grams: dict[bytes, float] = {}
    for learned in found:
        literals |= {name: max(share, literals.get(name, 0.0)) for name, share in learned.literals.items()}
        grams |= {gram: max(share, grams.get(gram, 0.0)) for gram, share in learned.grams.items()}
    return Learned(dict(sorted(literals.items())), dict(sorted(grams.items())) or _guessed())


def _guessed() -> dict[bytes, float]:
    text = commonplace.TEXT.encode()
    return dict.fromkeys(
        [*commonplace.SAME, *grams(text), *grams(text.replace(b" ", FRAME).replace(b"\n", FRAME))], 1.0
    )


def _framed(event: Event) -> bytes:
    values = [text.casefold().encode("utf-8", "surrogatepass") for value in event.values() for text in texts_of(value)]
    return FRAME + FRAME.join(values) + FRAME


def _count(number: int, start: int, end: int, flags: int, met: Counter[int]) -> None:
    met[number] += 1
