"""Whole days of the demo, and hinomi's own command beside them."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
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
def world_module() -> Any:
    """The module that lays out a small world: hinomi's own processes, an EDR's simulator, a mail server."""
    spec = importlib.util.spec_from_file_location("hinomi_test_world", Path(__file__).with_name("world.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module
