"""One source's fault is its own: said, begun again, and no other source waits for it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hinomi.collectors.sources import Batch, Sink, SourceContext, sources


class Faulty:
    """Brings one record a run, and then has a fault nobody foresaw."""

    runs = 0

    def __init__(self, context: SourceContext):
        self.name = context.name

    async def run(self, sink: Sink, stop: asyncio.Event) -> None:
        number = int(sink.state("number") or b"0") + 1
        await sink.put(Batch([(str(number), b"faulty %d" % number)], {"number": str(number).encode()}))
        Faulty.runs += 1
        raise ZeroDivisionError


@pytest.fixture
def faulty() -> Iterator[None]:
    sources.register("test.faulty")(Faulty)
    yield
    del sources._items["test.faulty"]


def test_a_source_with_a_fault_begins_again_where_it_had_committed_and_stops_no_other(desk: Any, faulty: None) -> None:
    desk.sources = {
        "bad": {"kind": "test.faulty"},
        "log": {"kind": "file", "path": str(desk.logs / "*.log"), "poll": 0.02},
    }
    desk.start()
    desk.wait(2)  # the second run of the faulty one comes after its pause
    (desk.logs / "a.log").write_bytes(b"one\ntwo\n")
    lines = desk.wait(4)
    assert [line for line in lines if line.startswith(b"faulty")][:2] == [b"faulty 1", b"faulty 2"]
    assert [line for line in lines if not line.startswith(b"faulty")] == [b"one", b"two"]
