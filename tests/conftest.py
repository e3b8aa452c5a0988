import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hinomi.clock import FakeClock
from hinomi.state import State

SHARED = Path(__file__).parents[1].parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regold", action="store_true", help="rewrite the expected files")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def check_golden(request: pytest.FixtureRequest) -> Callable[[Path, Any], None]:
    """Compare a JSON-able result with the file beside its input; `--regold` rewrites it."""

    def check(expected: Path, actual: Any) -> None:
        text = json.dumps(actual, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        if request.config.getoption("--regold"):
            expected.write_text(text, encoding="utf-8")
        assert text == expected.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party data beside the repository."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared/data")
    return SHARED / "data"


@pytest.fixture(scope="session")
def world_module() -> Any:
    """The small world of the end-to-end tests, for tests of what goes wrong in it."""
    path = Path(__file__).parent / "e2e" / "world.py"
    spec = importlib.util.spec_from_file_location("hinomi_test_world", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 24, 1, 0, tzinfo=UTC))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.db'}")
    opened.migrate()
    yield opened
    opened.close()
