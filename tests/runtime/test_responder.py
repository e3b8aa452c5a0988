"""The responder ends when it cannot go on, so that the supervisor can start it again."""

import asyncio
from pathlib import Path

import pytest

from hinomi.clock import SystemClock
from hinomi.detections import load
from hinomi.errors import IntegrityError
from hinomi.runtime.folders import Folders, partitions
from hinomi.runtime.parts import build_core
from hinomi.runtime.responder import Responder
from hinomi.runtime.wake import Waker
from hinomi.settings import Settings


def test_a_fault_ends_it_and_does_not_hang(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    core = build_core(settings)
    folders = Folders(settings.data)
    folders.hits("trusted-0").parent.mkdir(parents=True)
    folders.hits("trusted-0").write_bytes(b"this is no database, and longer than a page's head" * 100)
    responder = Responder(settings, partitions(settings), core.state, load(settings), core.engine, SystemClock())

    async def run() -> None:
        waker = Waker(folders.run, "responder")
        try:
            await asyncio.wait_for(responder.run(waker, asyncio.Event()), 20)
        finally:
            waker.close()

    with pytest.raises(IntegrityError):
        asyncio.run(run())
    core.state.close()
