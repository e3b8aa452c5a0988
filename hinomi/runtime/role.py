"""What one process of `hinomi serve` does: receiver, worker:<partition>, storer, responder or api.

A role is a fork of the supervisor, which has imported all that is named here: it starts in a tenth of a second, and
shares those pages. It ends cleanly at SIGTERM, and when the supervisor is gone.
"""

import asyncio
import ctypes
import faulthandler
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import uvicorn
from setproctitle import setproctitle

from hinomi import log
from hinomi.api import slack_socket
from hinomi.api.app import create_app
from hinomi.clock import SystemClock
from hinomi.detections import load as load_rules
from hinomi.errors import ConfigError, ConflictError, HinomiError, IntegrityError
from hinomi.events import open_store
from hinomi.runtime.failpoint import hit as failpoint
from hinomi.runtime.fence import fence
from hinomi.runtime.folders import Folders, partitions
from hinomi.runtime.lock import DataLock
from hinomi.runtime.parts import build_core, build_deps
from hinomi.runtime.receiver import Receiver
from hinomi.runtime.responder import Responder
from hinomi.runtime.storer import Storer, pause_after
from hinomi.runtime.wake import Waker
from hinomi.runtime.worker import Worker
from hinomi.settings import Settings, load_settings
from hinomi.state import State

PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What ends a role, and serve."""

T = TypeVar("T")


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


def _stop_at_signal() -> threading.Event:
    stop = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    return stop


def _wait_for(paths: list[Path], stop: threading.Event) -> bool:
    """Wait until the writers have made their files; False if it is to stop before."""
    while not all(path.exists() for path in paths):
        if stop.wait(0.02):
            return False
    return True


def run_receiver(settings: Settings, _: str) -> None:
    """Take records in until SIGTERM."""
    asyncio.run(_until_signal(lambda stop: Receiver(settings, State(settings.state_url), SystemClock()).run(stop)))


async def _until_signal(start: Callable[[asyncio.Event], object]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    await start(stop)  # type: ignore[misc]  # every role's run() is a coroutine


def _collect_rarely() -> None:
    """Events are freed as they go; looking for cycles among tens of thousands of them costs a fifth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def run_worker(settings: Settings, partition: str) -> None:
    """Match one partition's events until SIGTERM."""
    stop = _stop_at_signal()
    if partition.startswith("bulk"):
        os.nice(10)
    folders = Folders(settings.data)
    if not _wait_for([folders.spool(partition)], stop):
        return
    worker = Worker(settings, partition, State(settings.state_url))
    _collect_rarely()
    worker.run(Waker(folders.run, f"worker-{partition}"), stop)
    worker.close()


def run_storer(settings: Settings, _: str) -> None:
    """Write the event store until SIGTERM."""
    stop = _stop_at_signal()
    os.nice(10)
    folders = Folders(settings.data)
    names = partitions(settings)
    if not _wait_for([folder(name) for name in names for folder in (folders.spool, folders.hits)], stop):
        return
    store = open_store(settings, writable=True, fields=load_rules(settings).current().fields)
    store.failpoint = failpoint
    state = State(settings.state_url)
    storer = _when_there(lambda: Storer(settings, names, state, store), pause_after, stop)
    if storer is None:
        return
    waker = Waker(folders.run, "storer")
    _collect_rarely()
    while not stop.is_set():
        if not storer.step():
            waker.wait_blocking(1.0)
    storer.close()


def _when_there(open_: Callable[[], T], pause_after: Callable[[int], float], stop: threading.Event) -> T | None:
    """Open what may be away at first; None if it is to stop before it is there."""
    failures = 0
    while not stop.is_set():
        try:
            return open_()
        except (ConfigError, ConflictError, IntegrityError):
            raise
        except HinomiError as error:
            failures += 1
            pause = pause_after(failures)
            log.get().error("role.store_away", error=str(error), again_in=pause)
            stop.wait(pause)
    return None


def run_responder(settings: Settings, _: str) -> None:
    """Answer hits until SIGTERM."""
    core = build_core(settings)
    responder = Responder(settings, partitions(settings), core.state, load_rules(settings), core.engine, core.clock)
    waker = Waker(Folders(settings.data).run, "responder")
    asyncio.run(_until_signal(lambda stop: responder.run(waker, stop)))
    responder.close()


def run_api(settings: Settings, _: str) -> None:
    """Serve the api and pages until SIGTERM."""
    stop = _stop_at_signal()  # uvicorn raises the signal that ended it once more: it must find this handler
    host, port = settings.api.address
    deps = build_deps(build_core(settings))
    app = create_app(deps)
    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=3)
    if not stop.is_set():
        listener = slack_socket.listen(deps)
        uvicorn.Server(config).run()
        if listener is not None:
            listener.close()


ROLES: dict[str, Callable[[Settings, str], None]] = {
    "receiver": run_receiver,
    "worker": run_worker,
    "storer": run_storer,
    "responder": run_responder,
    "api": run_api,
}


def roles(settings: Settings) -> list[str]:
    """Return the roles that `serve` starts."""
    return ["receiver", *(f"worker:{name}" for name in partitions(settings)), "storer", "responder", "api"]


def run(role: str, config: Path, parent: int, lock: DataLock) -> None:
    """Be that role in this process, which ``parent`` has just forked, with its ``lock`` and with SIGTERM and SIGINT blocked.

    Raises:
        SystemExit: With the code of `IntegrityError` if a log is damaged: the supervisor has it mended while nobody holds it.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    _die_with(parent)
    lock.forget()
    setproctitle(f"hinomi {role} --config {config}")
    log.configure(role)
    faulthandler.enable()  # a crash of native code says where it was
    name, _, argument = role.partition(":")
    started = time.monotonic()
    log.get().info("role.start", pid=os.getpid())
    try:
        settings = load_settings(config)
        fence(settings)
        ROLES[name](settings, argument)
    except IntegrityError as error:
        log.get().error("role.damaged", error=str(error), hint=error.hint)
        raise SystemExit(error.exit_code) from error
    log.get().info("role.end", seconds=round(time.monotonic() - started, 1))
