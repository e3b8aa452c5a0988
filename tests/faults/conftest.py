"""The small world of the end-to-end tests, for what goes wrong in it."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def world_module() -> Any:
    path = Path(__file__).parents[1] / "e2e" / "world.py"
    spec = importlib.util.spec_from_file_location("hinomi_test_world", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module
