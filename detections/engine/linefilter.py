"""Candidates by one Hyperscan pass over the canonical line (intel.github.io/hyperscan).

Bounded memory: the compiled database, the rules of each literal, nothing an event.
"""

from collections.abc import Sequence

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

    def __init__(self, plan: Plan, database: bytes | None = None):
        """Compile the plan's patterns, unless ``database`` holds them compiled; ``fresh`` tells which."""
        found: dict[bytes, list[Met]] = {marker: [] for marker in lines.MARKERS}
        common = set(plan.common)
        for literal, numbers in zip(plan.literals, plan.numbers, strict=True):
            if rules := frozenset(numbers) - common:
                for pattern in lines.pattern(literal):
                    found.setdefault(pattern, []).append((literal, rules))
        self._met = list(found.values())
        loaded = load(database) if database else None
        self.fresh = loaded is None
        self._database = loaded or compile_patterns(list(found))

    def dump(self) -> bytes:
        """Return the compiled patterns, as the constructor takes them."""
        dumped: bytes = hyperscan.dumpb(self._database)
        return dumped

    @property
    def met(self) -> Sequence[Sequence[Met]]:
        """Return, of each pattern, the literals that may stand where it does, and their rules."""
        return self._met

    def search(self, event: Event) -> list[int]:
        """Return the patterns that stand in an event's line."""
        found = self._found(lines.searched(event))
        if found and min(found) < len(lines.MARKERS):
            found = self._found(lines.texts(event))
        return found

    def _found(self, line: bytes) -> list[int]:
        found: list[int] = []
        self._database.scan(line, match_event_handler=_note, context=found)  # type: ignore[arg-type]  # the context's own type
        return found


def _note(number: int, start: int, end: int, flags: int, found: list[int]) -> None:
    found.append(number)


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
