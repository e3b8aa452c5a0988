"""How a play is shown as plain lines; what they say is the play's own."""

import sys
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import Self

from hinomi.clock import JST


def local(moment: str | None) -> str:
    """Return the time of day in Japan."""
    return datetime.fromisoformat(moment).astimezone(JST).strftime("%H:%M:%S") if moment else ""


class Lines:
    """Prints one line for each thing that happens, once."""

    def __init__(self, mark: str = ""):
        self._mark, self._phase, self._count, self._states = mark, "", 0, dict[Hashable, str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(
        self, seconds: float, phase: str, lines: Sequence[str], states: Iterable[tuple[Hashable, str, str]]
    ) -> None:
        """Print what is new: the phase, lines, and (what, its state, text) where the state is another than before."""
        new = []
        if phase != self._phase:
            self._phase = phase
            new.append(phase)
        new += [f"  {line}" for line in lines[self._count :]]
        self._count = len(lines)
        for what, state, text in states:
            if self._states.get(what) != state:
                self._states[what] = state
                new.append(text)
        sys.stdout.writelines(f"{self._mark}{seconds:6.1f} s  {text}\n" for text in new)
        sys.stdout.flush()
