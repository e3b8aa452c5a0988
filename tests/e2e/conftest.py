"""Whole days of the demo, and hinomi's own command beside them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Ended = subprocess.CompletedProcess[str]


def _hinomi(*words: str) -> Ended:
    command = [sys.executable, "-m", "hinomi", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "120"})


@pytest.fixture(scope="session")
def hinomi() -> Callable[..., Ended]:
    """Run ``hinomi WORDS``; return what it printed and how it ended."""
    return _hinomi


@pytest.fixture(scope="session")
def demo() -> Callable[..., tuple[Ended, dict[str, Any]]]:
    """Run ``hinomi demo`` with few events, kept in ``folder/day``; return how it ended and its JSON."""

    def run(folder: Path, *more: str) -> tuple[Ended, dict[str, Any]]:
        found = folder / "found.json"
        kept = ("--plain", "--events", "600", "--json", str(found), "--keep", str(folder / "day"))
        done = _hinomi("demo", *kept, *more)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
        return done, json.loads(found.read_text(encoding="utf-8"))

    return run


@pytest.fixture(scope="session")
def in_slack(world_module: Any) -> Callable[..., Any]:
    """Run a world whose operators have a room in a simulated Slack; ``members`` are account → member there."""

    @contextmanager
    def run(made: Any, slack: Any, table: dict[str, Any], members: dict[str, str]) -> Iterator[Any]:
        people = world_module.PEOPLE
        for account, member in members.items():
            people = people.replace(f",{account}\n", f",{account};slack:{member}\n")
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        try:
            made.lay_out(extra=f"[channels.slack]\n{lines}", seconds=False, people=people)
            made.activate()
            made.start()
            made.slack, made.eventually, made.macro = slack, world_module.eventually, world_module.macro
            yield made
        finally:
            made.stop()
            slack.close()

    return run
