"""What effects ask of the state store at the same time, done at once: one look, or one transaction, for many of them.

Nobody waits for the others to come: whoever asks while nothing is under way begins at once, and what is asked for
meanwhile is taken together next.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

Job = Callable[[Connection], Any]
AT_ONCE = 32
"""Jobs in one transaction: others must not wait for the writer's lock for long."""


class Together:
    """Does jobs on connections that ``open_`` gives (`State.read`, `State.write`); each fails for itself alone."""

    def __init__(self, open_: Callable[[], AbstractContextManager[Connection]]):
        self._open = open_
        self._waiting: list[tuple[Job, asyncio.Future[Any]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def do(self, job: Job) -> Any:
        """Do a job, which may be begun twice but is committed once; return its result when it is committed."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._all())
        return await future

    async def _all(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            wanted = [(job, future) for job, future in taken if not future.done()]
            results = await asyncio.to_thread(self._each, [job for job, _ in wanted])
            for (_, future), result in zip(wanted, results, strict=True):
                if future.done():  # whoever asked was cancelled
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _each(self, jobs: Sequence[Job]) -> list[Any]:
        """Return each job's result or fault. If one fails nothing is kept, and each is done again in one of its own."""
        try:
            with self._open() as conn:
                return [job(conn) for job in jobs]
        except OperationalError as error:  # the state store is away, for all of them
            return [error] * len(jobs)
        except Exception as error:  # noqa: BLE001 - it is raised where the job was asked for
            return [error] if len(jobs) == 1 else [self._each([job])[0] for job in jobs]
