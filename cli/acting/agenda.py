"""What people are about to do: each act at its moment, tried again where nobody answers yet."""

import time
from collections.abc import Callable
from http.client import HTTPException

TRIES = 5
Act = Callable[[], None]


class Agenda:
    """All acts that are to come; ``trouble`` hears of those that failed."""

    def __init__(self, trouble: Callable[[Exception], None] = lambda _error: None):
        self._trouble = trouble
        self._later: list[tuple[float, int, Act]] = []

    @property
    def busy(self) -> bool:
        """Whether anybody is about to do anything."""
        return bool(self._later)

    def after(self, seconds: float, act: Act) -> None:
        """Note an act."""
        self._later.append((time.monotonic() + seconds, 0, act))

    def do_due(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        due = [item for item in self._later if item[0] <= now]
        self._later = [item for item in self._later if item[0] > now]
        for _, tries, act in due:
            try:
                act()
            except (OSError, HTTPException, LookupError) as error:
                self._trouble(error)
                if tries < TRIES:
                    self._later.append((now + 1.0, tries + 1, act))
