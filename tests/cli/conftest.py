"""The command line as an analyst uses it: the real `main`, real processes behind it, (code, stdout, stderr) back."""

import importlib.util
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hinomi.cli.main import main


class Said(NamedTuple):
    """What a command ended with and said."""

    code: int
    out: str
    err: str


Hinomi = Callable[..., Said]


def run(*args: str) -> Said:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = main(args)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))
    return Said(code, *texts)


def terminal(typed: str, *args: str, columns: int = 80, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit code and all that was seen there."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "hinomi", *args]
    around = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **(env or {})}
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=around, start_new_session=True)
    os.close(slave)
    os.write(master, typed.encode())
    seen = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the last process on the terminal has ended
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    return process.wait(60), seen.decode("utf-8", "replace")


@pytest.fixture(scope="session")
def hinomi() -> Hinomi:
    return run


@pytest.fixture(scope="session")
def on_terminal() -> Callable[..., tuple[int, str]]:
    return terminal


@pytest.fixture(scope="session")
def worlds() -> Any:
    """The module of tests/e2e that starts a real `serve`, the EDR's simulator and a mail server."""
    path = Path(__file__).parents[1] / "e2e" / "world.py"
    spec = importlib.util.spec_from_file_location("hinomi_test_world", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module
