"""Processes of a play: started, listened to, ended; only those that were started here are ended here."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from hinomi.cli.acting.pages import ask
from hinomi.errors import ConfigError, HinomiError

READY = 30.0
"""Seconds a process has to be ready."""
GRACE = 20.0


class Child:
    """One process of ours, whose lines are read as they come."""

    def __init__(
        self, name: str, command: list[str], log: Path, *, talks: bool = True, env: Mapping[str, str] | None = None,
        apart: bool = False,
    ):  # fmt: skip
        """Start it. ``apart``: in a session of its own, so that Ctrl-C on the terminal does not reach it."""
        self.name, self.lines = name, list[dict[str, Any]]()
        self._arrived = threading.Condition()
        self._log = log.open("ab")
        out = subprocess.PIPE if talks else self._log
        self.process = subprocess.Popen(  # noqa: S603 - our own
            command, stdin=subprocess.PIPE, stdout=out, stderr=self._log, text=False, env=env, start_new_session=apart
        )
        if talks:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it was asked for
        for raw in self.process.stdout:
            try:
                line = json.loads(raw)
            except ValueError:
                continue
            with self._arrived:
                self.lines.append(line)
                self._arrived.notify_all()

    def first(self, wanted: str) -> dict[str, Any]:
        """Wait for the first line that has this key, or this event.

        Raises:
            HinomiError: If it does not come, or the process ends before.
        """
        deadline = time.monotonic() + READY
        with self._arrived:
            while time.monotonic() < deadline:
                for line in self.lines:
                    if wanted in line or line.get("event") == wanted:
                        return line
                if self.process.poll() is not None:
                    break
                self._arrived.wait(0.2)
        last = Path(self._log.name).read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2][:300]
        ended = self.process.poll()
        how = "in time" if ended is None else f"but ended {ended}"
        raise HinomiError(f"{self.name} did not get ready {how}", where=self._log.name, hint=last or "its log is empty")

    def order(self, what: str, **more: Any) -> None:
        """Write one order to its stdin."""
        assert self.process.stdin is not None  # noqa: S101 - it was asked for
        try:
            self.process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise HinomiError(f"{self.name} has ended", where=self._log.name, hint="its log says why") from error

    def end(self, *, term: bool = True) -> int:
        """End it and wait; return its exit code."""
        if self.process.poll() is None:
            if term:
                self.process.terminate()
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self._log.close()
        return self.process.returncode


class Processes:
    """All processes of one play, with their logs in one folder; `serve` is the one that ends first."""

    def __init__(self, logs: Path, *, env: Mapping[str, str] | None = None, apart: bool = False):
        self._logs, self._env, self._apart = logs, env, apart
        self._children: list[Child] = []

    def start(self, name: str, *command: str, talks: bool = True) -> Child:
        """Start one with our own Python."""
        log = self._logs / f"{name}.log"
        child = Child(name, [sys.executable, *command], log, talks=talks, env=self._env, apart=self._apart)
        self._children.append(child)
        return child

    def serve(self, config: Path, api: str) -> Child:
        """Start `hinomi serve`; return once its API answers.

        Raises:
            HinomiError: If it does not get ready.
        """
        child = self.start("serve", "-m", "hinomi", "serve", "--config", str(config), talks=False)
        if not until(lambda: ask("GET", f"{api}/api/v1/health").status == 200, while_=child):
            raise HinomiError("hinomi serve did not get ready", where=self._logs / "serve.log", hint="its log says why")
        return child

    def alive(self) -> None:
        """Check that all run.

        Raises:
            HinomiError: Naming the one that ended.
        """
        for child in self._children:
            if (code := child.process.poll()) is not None:
                log = self._logs / f"{child.name}.log"
                raise HinomiError(f"{child.name} has ended with {code}", where=log, hint="its log says why")

    def end(self) -> int:
        """End what still runs, serve first and by SIGTERM; return the exit code of serve."""
        code = 0
        for child in sorted(self._children, key=lambda child: child.name != "serve"):
            ended = child.end()
            code = ended if child.name == "serve" else code
        self._children.clear()
        return code


def until(look: Callable[[], bool], *, while_: Child, seconds: float = READY) -> bool:
    """Look until it is so, the time is over, or the process has ended; what does not answer yet is looked at again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and while_.process.poll() is None:
        try:
            if look():
                return True
        except (OSError, HTTPException):
            pass
        time.sleep(0.1)
    return False


def hinomi(*words: str, where: Path, env: Mapping[str, str] | None = None) -> str:
    """Run one command of hinomi as a process of its own; return its standard output.

    Raises:
        HinomiError: With what it said, if it failed.
    """
    command = [sys.executable, "-m", "hinomi", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)  # noqa: S603 - our own
    if done.returncode != 0:
        raise HinomiError(f"hinomi {' '.join(words[:4])} ended {done.returncode}: {done.stderr.strip()}", where=where)
    return done.stdout


def new_folder(given: str) -> Path:
    """Return a play's folder, which is to be laid out.

    Raises:
        ConfigError: If there is something in it.
    """
    folder = Path(given).resolve()
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty", hint="give --keep a new folder; nothing is overwritten")
    return folder


def is_terminal(stream: IO[str]) -> bool:
    """Tell whether a live screen makes sense."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
