"""Candidates by one Hyperscan pass over the canonical line (intel.github.io/hyperscan).

Bounded memory: the compiled database, the rules of each literal, nothing an event.
"""

from collections.abc import Mapping, Sequence

import hyperscan

from hinomi.detections.engine import lines
from hinomi.detections.engine.literals import Literal
from hinomi.detections.engine.plan import Plan
from hinomi.event import Event

#: A literal, and the rules that it makes candidates if it stands in one of its fields.
Met = tuple[Literal, frozenset[int]]
_FLAGS = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH


class LineFilter:
    """Finds which literals may stand in an event."""

    def __init__(self, met: Mapping[bytes, Sequence[Met]], database: bytes | None = None):
        """Compile the patterns, unless ``database`` holds them compiled; ``fresh`` tells which."""
        self._by_pattern = {marker: met.get(marker, ()) for marker in lines.MARKERS} | dict(met)
        loaded = load(database) if database else None
        self.fresh = loaded is None
        self._database = loaded or compile_patterns(list(self._by_pattern))
        self._scan = self._database.scan

    def narrowed(self, members: frozenset[int]) -> "LineFilter":
        """Return the same for these rules alone: fewer patterns, found several times as fast."""
        kept = {
            pattern: [(literal, rules & members) for literal, rules in met if not rules.isdisjoint(members)]
            for pattern, met in self._by_pattern.items()
        }
        return LineFilter({pattern: met for pattern, met in kept.items() if met})

    def dump(self) -> bytes:
        """Return the compiled patterns, as the constructor takes them."""
        dumped: bytes = hyperscan.dumpb(self._database)
        return dumped

    @property
    def met(self) -> Sequence[Sequence[Met]]:
        """Return, of each pattern, the literals that may stand where it does, and their rules."""
        return list(self._by_pattern.values())

    def search(self, event: Event) -> list[int]:
        """Return the patterns that stand in an event's line."""
        found: list[int] = []
        self._scan(lines.searched(event), match_event_handler=_note, context=found)  # type: ignore[arg-type]  # the context's own type
        if found and min(found) < len(lines.MARKERS):
            found = []
            self._scan(lines.texts(event), match_event_handler=_note, context=found)  # type: ignore[arg-type]  # as above
        return found


def _note(number: int, start: int, end: int, flags: int, found: list[int]) -> None:
    found.append(number)


def patterns_of(plan: Plan) -> dict[bytes, list[Met]]:
    """Return the patterns of a plan's literals, and what each says; common ones are left to predicates."""
    found: dict[bytes, list[Met]] = {}
    common = set(plan.common)
    for literal, numbers in zip(plan.literals, plan.numbers, strict=True):
        if rules := frozenset(numbers) - common:
            for pattern in lines.pattern(literal):
                found.setdefault(pattern, []).append((literal, rules))
    return found


def compile_patterns(patterns: Sequence[bytes]) -> hyperscan.Database:
    """Return a database of literals that finds each at most once, whatever its ASCII case."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    count = len(patterns)
    database.compile(expressions=patterns, ids=list(range(count)), elements=count, flags=[_FLAGS] * count, literal=True)
    return database


def load(dumped: bytes) -> hyperscan.Database | None:
    """Return a dumped database, ready to scan; None if it is not one of this processor and version."""
    try:
        database = hyperscan.loadb(dumped, mode=hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)  # without, every scan fails
    except hyperscan.error:
        return None
    return database
