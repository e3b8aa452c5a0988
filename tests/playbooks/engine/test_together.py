"""Effects that end at the same time are written in one transaction, and none of them pays for another."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from hinomi.playbooks.engine import outbox
from hinomi.playbooks.engine.together import Together
from hinomi.state import State, get_setting, set_setting, t

NOTIFY = "  - {id: tell, notify: operator, template: isolation_failed}\n  - {id: too, after: [], notify: operator, template: isolation_failed}\n"


@pytest.fixture
def state(tmp_path: Path) -> Any:
    made = State(f"sqlite:///{tmp_path}/state.sqlite")
    made.migrate()
    yield made
    made.close()


def known(state: State) -> list[int]:
    with state.read() as conn:
        return [number for number in range(10) if get_setting(conn, f"n{number}")]


def test_what_is_asked_for_while_one_is_under_way_is_done_in_one_transaction(state: State) -> None:
    transactions: dict[int, Connection] = {}

    def job(number: int) -> Any:
        def write(conn: Connection) -> int:
            transactions[number] = conn
            set_setting(conn, f"n{number}", True, "")
            return number

        return write

    async def go() -> list[int]:
        together = Together(state.write)
        first = asyncio.create_task(together.do(job(0)))
        await asyncio.sleep(0)
        rest = [together.do(job(number)) for number in range(1, 10)]
        return [await first, *await asyncio.gather(*rest)]

    assert asyncio.run(go()) == list(range(10))
    assert known(state) == list(range(10))
    assert len({id(conn) for conn in transactions.values()}) <= 2


def test_one_that_fails_fails_alone_and_leaves_nothing_behind(state: State) -> None:
    def job(number: int) -> Any:
        def write(conn: Connection) -> int:
            set_setting(conn, f"n{number}", True, "")
            if number == 4:
                raise ValueError("broken")
            return number

        return write

    async def go() -> list[Any]:
        together = Together(state.write)
        return await asyncio.gather(*(together.do(job(number)) for number in range(10)), return_exceptions=True)

    results = asyncio.run(go())
    assert isinstance(results.pop(4), ValueError)
    assert results == known(state) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_an_executor_whose_hands_are_full_is_not_told_to_look_again_at_once(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 1)
    site.open(NOTIFY).hit()
    assert len(site.rows(t.outbox, kind="message", state="waiting")) > 1

    async def go() -> tuple[float | None, float | None]:
        full = await site.executor.start_due()
        await site.executor.settle()
        return full, await site.executor.run_due()

    assert asyncio.run(go())[0] is None
    site.drive(lambda: site.state_of("tell") == site.state_of("too") == "done")
