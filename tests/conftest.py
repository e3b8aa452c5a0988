import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

os.environ["HINOMI_LANG"] = "en"  # before anything is said: tests read English, whatever the locale

from hinomi.cli.acting.ports import free_port
from hinomi.clock import FakeClock
from hinomi.settings import Settings
from hinomi.state import State

SHARED = Path(__file__).parents[1].parent / "shared"
#: Folders whose tests wait for processes and clocks more than they compute; whose files take longest stand first.
WAITING = ("faults", "e2e", "runtime", "vendors", "engine", "sources", "events", "channels")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regold", action="store_true", help="rewrite the expected files")
    parser.addoption("--every-database", action="store_true", help="run all tests of the state store on PostgreSQL too")


def pytest_configure() -> None:
    """Hear Ctrl-C though a shell has started this run in the background with SIGINT ignored; what we start inherits it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix the files that wait with those that compute, so that there is work for the processors all the time."""
    files = list(dict.fromkeys(item.path for item in items))
    waiting = sorted((f for f in files if f.parent.name in WAITING), key=lambda f: WAITING.index(f.parent.name))
    computing = [f for f in files if f.parent.name not in WAITING]
    place = {file: number / len(group) for group in (waiting, computing) for number, file in enumerate(group)}
    items.sort(key=lambda item: place[item.path])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked ``postgresql`` on both databases (``--every-database``: whatever asks for a state store)."""
    both = metafunc.definition.get_closest_marker("postgresql") or metafunc.config.getoption("--every-database")
    if both and "database" in metafunc.fixturenames:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


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

    def __init__(self, folder: Path, interactions: str = "", *more: str):
        command = [
            sys.executable, "-m", "hinomi.playbooks.channels.slack.simulator", "--token", "xoxb-1", "--signing-secret", "s1gn", "--channel", "C1",
            "--control-secret", "door", "--interactions", interactions, "--journal", str(folder / "slack.jsonl"), *more,
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

    def sockets(self) -> dict[str, int]:
        """Return how many connections of Socket Mode there are, and have been."""
        found: dict[str, int] = self._door.get("/state").json()["sockets"]
        return found

    def steer(self, what: str) -> None:
        """Have the connections asked for anew (refresh), or cut (drop)."""
        self._door.post(f"/{what}")

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
        elements = [e for card in self.cards()[-1:] for block in card["blocks"] for e in block.get("elements", ())]
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


class Recorder:
    """A server of nothing: it remembers who has connected, and what they said first."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.server.getsockname()[1])
        self.seen: list[bytes] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1.0)
                try:
                    self.seen.append(connection.recv(1000))
                except OSError:
                    self.seen.append(b"")

    def close(self) -> None:
        self.server.close()


@pytest.fixture(scope="session")
def recorder_type() -> type[Recorder]:
    """Start servers that nobody may reach."""
    return Recorder


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 24, 1, 0, tzinfo=UTC))


class PostgreSQL:
    """A private PostgreSQL: Debian's package, a folder of its own, a socket in it, a locale that sorts unlike SQLite."""

    def __init__(self, programs: Path):
        self._programs = programs
        self._user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name  # initdb refuses root
        self.folder = Path(tempfile.mkdtemp(prefix="hinomi-pg-"))
        shutil.chown(self.folder, self._user)
        locale = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=ja")
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", *locale)
        self.start()

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *words]
        user = self._user if os.getuid() == 0 else None
        with (self.folder / f"{program}.log").open("wb") as said:
            done = subprocess.run(command, stdout=said, stderr=said, user=user, cwd="/", check=False)
        assert done.returncode == 0, (self.folder / f"{program}.log").read_text()

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=200 -c shared_buffers=16MB"
        self._run("pg_ctl", "-w", "-l", str(self.folder / "data" / "server.log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def url(self, database: str = "postgres", role: str = "postgres", schema: str = "public") -> str:
        return f"postgresql+psycopg://{role}@/{database}?host={self.folder}&options=-csearch_path%3D{schema}"

    def psql(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser."""
        import psycopg

        with psycopg.connect(f"host={self.folder} user=postgres dbname={database}", autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement.encode())

    def new(self) -> str:
        """Make an empty schema, which costs less than a database; return its URL."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.psql(f"CREATE SCHEMA {name}")
        return self.url(schema=name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A running PostgreSQL for this session."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs PostgreSQL: apt install postgresql")
    pytest.importorskip("psycopg", reason="needs hinomi[postgres]")
    server = PostgreSQL(found[-1].parent)
    yield server
    server.stop("immediate")
    shutil.rmtree(server.folder)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """What `[state] url` says: nothing (SQLite in the data folder), or an empty PostgreSQL database."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return ""
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new()


ES_NODE = SHARED / "tools" / "es-node"


class ElasticNode:
    """A real node of Elasticsearch, started once for a whole session, whichever process asks first."""

    def __init__(self, note: Path):
        self._note = note
        if given := os.environ.get("HINOMI_ES_URL"):  # one that is there already
            note.write_text(json.dumps({"folder": "", "url": given, "failed": ""}))
        with note.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not note.exists():
                self._start()
        told = json.loads(note.read_text())
        if told["failed"]:
            pytest.skip(f"needs a node of Elasticsearch: {told['failed']}")
        self.url = told["url"]
        self.http = httpx2.Client(base_url=self.url, timeout=60)

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="hinomi-es-"))
        folder.chmod(0o755)  # as root it runs as a user of its own
        port = free_port(100)  # nodes talk to each other a hundred above
        said = {"folder": str(folder), "url": f"http://127.0.0.1:{port}", "failed": ""}
        self._note.write_text(json.dumps(said))  # before: whatever comes, it is stopped at the end
        command = [str(ES_NODE), "start", "--port", str(port), "--dir", str(folder), "--heap", "1g"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self._note.write_text(json.dumps({**said, "failed": done.stderr.strip()[-300:]}))

    def settings(self, data: Path, **more: Any) -> Settings:
        """Return settings of an event store of its own on this node."""
        keys = {"kind": "elasticsearch", "url": self.url, "prefix": f"t{uuid.uuid4().hex[:12]}", **more}
        return Settings.model_validate({"data": data, "store": keys})


def _note(config: pytest.Config) -> Path:
    base: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # pytest's own, one for all workers
    return (base.parent if hasattr(config, "workerinput") else base) / "es-node.json"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the node when the last test is over."""
    if not hasattr(session.config, "workerinput") and (note := _note(session.config)).exists():
        if folder := json.loads(note.read_text())["folder"]:
            subprocess.run([str(ES_NODE), "purge", "--dir", folder], capture_output=True, check=False)
        note.unlink()


@pytest.fixture(scope="session")
def elasticsearch(pytestconfig: pytest.Config) -> Iterator[ElasticNode]:
    """The session's node of Elasticsearch."""
    if not ES_NODE.is_file():
        pytest.skip("needs ../shared/tools/es-node")
    node = ElasticNode(_note(pytestconfig))
    yield node
    node.http.close()


@pytest.fixture
def store_settings(request: pytest.FixtureRequest) -> Callable[[str, Path], Settings]:
    """Return the settings of an empty event store of a kind, with its data in a folder."""

    def make(kind: str, data: Path) -> Settings:
        if kind == "elasticsearch":
            node: ElasticNode = request.getfixturevalue("elasticsearch")
            return node.settings(data)
        return Settings.model_validate({"data": data, "store": {"kind": kind}})

    return make


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the newest tables and nothing in them: a copy is made faster than they are."""
    path = tmp_path_factory.mktemp("empty") / "state.db"
    made = State(f"sqlite:///{path}")
    made.migrate()
    made.close()
    return path


@pytest.fixture
def state(tmp_path: Path, database: str, empty_database: Path) -> Iterator[State]:
    if not database:
        shutil.copy(empty_database, tmp_path / "state.db")
    opened = State(database or f"sqlite:///{tmp_path / 'state.db'}")
    opened.migrate()
    yield opened
    opened.close()
