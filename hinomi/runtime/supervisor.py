"""`hinomi serve`: starts the roles as processes, restarts one that dies, ends them all at SIGTERM."""

import gc
import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from hinomi import log
from hinomi.errors import IntegrityError
from hinomi.runtime.folders import Folders, partitions
from hinomi.runtime.lock import DataLock, holder
from hinomi.runtime.open_files import raise_limit
from hinomi.runtime.role import SIGNALS, roles
from hinomi.runtime.role import run as run_role
from hinomi.salvage import is_sound, salvage
from hinomi.settings import Settings
from hinomi.state import State

GRACE = 10.0
"""Seconds a role gets to end by itself."""
_FORK = multiprocessing.get_context("fork")
LOG_HOLDERS = ("receiver", "worker", "storer", "responder")


@dataclass
class Child:
    """One role's process."""

    role: str
    process: BaseProcess | None = None
    started: float = 0.0
    not_before: float = 0.0
    failures: int = field(default=0)


class Supervisor:
    """Holds the data folder's lock while the roles run."""

    def __init__(self, settings: Settings, config: Path):
        """Take the settings, and the file that each role reads again."""
        self.settings, self.config = settings, config
        self.children = [Child(role) for role in roles(settings)]
        self._stop = threading.Event()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return the exit code."""
        for number in SIGNALS:
            signal.signal(number, lambda *_: self._stop.set())
        if who := holder(self.settings.data):
            log.get().warning("serve.waits", holder=who.get("what"), process=who.get("pid"))
        with DataLock(self.settings.data, what="hinomi serve", address=self.settings.api.near, wait=30.0) as lock:
            state = State(self.settings.state_url)
            state.migrate()
            state.close()
            own = self.settings
            log.get().info("serve.start", api=own.api.url, ingest=own.ingest.listen, open_files=raise_limit())
            gc.freeze()  # what is here now stays shared with the roles
            try:
                while not self._stop.is_set():
                    for child in self.children:
                        self._tend(child, lock)
                    self._stop.wait(0.2)
            finally:
                log.get().info("serve.stop")
                self._end((*LOG_HOLDERS, "api"))
        return 0

    def _tend(self, child: Child, lock: DataLock) -> None:
        now = time.monotonic()
        if child.process is not None:
            code = child.process.exitcode
            if code is None:
                if child.failures and now - child.started > 30:
                    child.failures = 0
                return
            if code == IntegrityError.exit_code:
                self._mend()
            child.failures += 1
            pause = min(0.1 * 2**child.failures, 5.0) if child.failures > 1 else 0.0
            log.get().error("serve.role_died", died=child.role, code=code, again_in=pause)
            child.process, child.not_before = None, now + pause
        if now >= child.not_before:
            child.process, child.started = self._fork(child.role, lock), now

    def _fork(self, role: str, lock: DataLock) -> BaseProcess:
        """Start a role, which takes its signals from the moment it is no longer this process."""
        process = _FORK.Process(target=run_role, name=role, args=(role, self.config, os.getpid(), lock))
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return process

    def _mend(self) -> None:
        """End who holds a log, and mend those that are damaged; the roles start again right after."""
        folders = Folders(self.settings.data)
        self._end(LOG_HOLDERS)
        for child in self.children:
            child.process = child.process if child.role == "api" else None
        for path in (folder(name) for name in partitions(self.settings) for folder in (folders.spool, folders.hits)):
            try:
                if path.exists() and not is_sound(path):
                    found = salvage(path, folders.positions)
                    aside = str(found.aside.relative_to(self.settings.data))
                    log.get().error("serve.log_mended", file=path.name, kept=found.kept, lost=found.lost, aside=aside)
            except (OSError, sqlite3.Error) as error:
                log.get().error("serve.log_not_mended", file=path.name, error=str(error))

    def _end(self, order: Sequence[str]) -> None:
        """End in the order of the flow, so that what was taken in is carried on as far as it goes."""
        for name in order:
            group = [c.process for c in self.children if c.role.partition(":")[0] == name and c.process is not None]
            for process in group:
                process.terminate()
            for process in group:
                process.join(GRACE)
                if process.exitcode is None:
                    process.kill()
                    process.join()
