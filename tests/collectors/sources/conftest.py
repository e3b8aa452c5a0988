"""The real receiver in a thread, on real files, sockets and spools."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinomi.clock import SystemClock
from hinomi.event import Block
from hinomi.runtime.folders import SPOOL_LANES, Folders, partitions
from hinomi.runtime.receiver import Receiver
from hinomi.settings import Settings
from hinomi.spool import Log
from hinomi.state import State


def eventually(look: Callable[[], Any], seconds: float = 15.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


class Desk:
    """A receiver that can be started, stopped and started again over the same folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.sources: dict[str, dict[str, Any]] = {}
        self.more: dict[str, Any] = {}
        self.state = State(f"sqlite:///{folder}/state.db")
        self.state.migrate()
        self._thread: threading.Thread | None = None

    @property
    def settings(self) -> Settings:
        return Settings.model_validate({"data": str(self.folder / "data"), "sources": self.sources, **self.more})

    def start(self) -> None:
        ready, failed = threading.Event(), list[BaseException]()

        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self.receiver = Receiver(self.settings, self.state, SystemClock())
            ready.set()
            await self.receiver.run(self._stop)

        def main() -> None:
            try:
                asyncio.run(run())
            except BaseException as error:  # noqa: BLE001 - shown by the test's thread
                failed.append(error)
                ready.set()

        self._thread = threading.Thread(target=main)
        self._thread.start()
        ready.wait(10)
        if failed:
            self._thread.join()
            self._thread = None
            raise failed[0]

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(20)
            self._thread = None

    def blocks(self) -> list[Block]:
        found: list[tuple[int, Block]] = []
        for name in partitions(self.settings):
            path = Folders(self.settings.data).spool(name)
            if not path.exists():
                continue
            log = Log(path)
            for lane in SPOOL_LANES:
                found += [
                    (row.seq, msgspec.msgpack.decode(row.payload or b"", type=Block))
                    for row in log.read(0, lane=lane, limit=100_000)
                ]
            log.close()
        return [block for _, block in sorted(found, key=lambda item: item[0])]

    def lines(self) -> list[bytes]:
        return [raw for block in self.blocks() for raw in block.raws]

    def wait(self, count: int) -> list[bytes]:
        eventually(lambda: len(self.lines()) >= count)
        return self.lines()

    def wait_turns(self, count: int) -> None:
        """Let the sources look ``count`` times more (they look every 20 ms)."""
        time.sleep(0.1 * count)

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.stop()
    made.state.close()
