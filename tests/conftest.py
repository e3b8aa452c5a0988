import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
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


class Slack:
    """A running simulator of Slack, seen by the members of its channel."""

    def __init__(self, folder: Path, interactions: str = ""):
        command = [
            sys.executable, "-m", "hinomi.playbooks.channels.slack.simulator", "--token", "xoxb-1", "--signing-secret", "s1gn", "--channel", "C1",
            "--control-secret", "door", "--interactions", interactions, "--journal", str(folder / "slack.jsonl"),
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        ports = json.loads(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{ports['port']}/api/"
        self._door = httpx2.Client(
            base_url=f"http://127.0.0.1:{ports['control_port']}", headers={"Authorization": "Bearer door"}, timeout=30
        )

    def table(self, *roles: str, **more: str) -> dict[str, Any]:
        """Return ``[channels.slack]``."""
        own = {"token": "xoxb-1", "signing_secret": "s1gn", "channel": "C1", "base_url": self.url}
        return {**own, "roles": list(roles), **more}

    def click(self, label: str, user: str, **more: Any) -> tuple[int, str]:
        """A member clicks a button; return what hinomi answered."""
        answer = self._door.post("/click", json={"label": label, "user": user, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()["status"], answer.json()["body"]

    def replay(self) -> int:
        """The last click arrives again, byte for byte."""
        return int(self._door.post("/replay").json()["status"])

    def fault(self, **fault: Any) -> None:
        self._door.post("/faults", json=fault)

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        return [e for e in self._door.get("/journal").json()["entries"] if e["method"] == (method or e["method"])]

    def cards(self) -> list[dict[str, Any]]:
        """Return the messages that are no replies, as they are now."""
        return [m for m in self._door.get("/state").json()["messages"] if "thread_ts" not in m]

    def replies(self) -> list[dict[str, Any]]:
        return [m for m in self._door.get("/state").json()["messages"] if "thread_ts" in m]

    def whispers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._door.get("/state").json()["whispers"]
        return found

    def buttons(self) -> list[str]:
        """Return what can be clicked at once on the newest card."""
        elements = [e for block in self.cards()[-1]["blocks"] for e in block.get("elements", ())]
        return [e["text"]["text"] for e in elements if e["type"] == "button"]

    def shown(self) -> str:
        """Return all that the newest card says."""
        return json.dumps(self.cards()[-1]["blocks"], ensure_ascii=False)

    def close(self) -> None:
        self._door.close()
        self.process.terminate()
        self.process.communicate(timeout=10)


@pytest.fixture(scope="session")
def slack_simulator() -> type[Slack]:
    """Start a simulator of Slack."""
    return Slack


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 24, 1, 0, tzinfo=UTC))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.db'}")
    opened.migrate()
    yield opened
    opened.close()
