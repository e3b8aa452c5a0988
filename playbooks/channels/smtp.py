"""Connections to a mail server: one that has just taken a message takes the next, if that comes within a moment.

Whoever finds none at rest opens one, up to the number that the server may see at one time. So greeting, TLS and log-in are
paid once for a burst of messages, and nothing is held open after it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused, SMTPResponseException

REST = 2.0
"""Seconds that a connection is kept for a next message."""
PROBE = 2.0
"""Seconds in which one that was at rest must show that it still works, and in which one that is left says goodbye."""
MESSAGES = 50
"""Messages over one connection: servers count them too."""
FAULTS = (SMTPException, OSError, TimeoutError)


class Line(NamedTuple):
    """An open connection, and how many messages went over it."""

    server: SMTP
    sent: int


class Lines:
    """The connections to one server."""

    def __init__(self, make: Callable[[], SMTP], most: int):
        """Take what makes a connection that is not open yet, and how many there may be at one time."""
        self._make, self._places = make, asyncio.Semaphore(most)
        self._resting: dict[Line, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def one(self) -> AsyncIterator[SMTP]:
        """Give a connection that is ready for one message; one that broke is not used again, one that refused is.

        Raises:
            SMTPException, OSError, TimeoutError: If the server cannot be reached, or does not let us in.
        """
        async with self._places:
            line = await self._rested() or await self._opened()
            try:
                yield line.server
            except (SMTPResponseException, SMTPRecipientsRefused):
                self._put_to_rest(line)
                raise
            except BaseException:
                line.server.close()
                raise
            self._put_to_rest(line)

    async def _opened(self) -> Line:
        server = self._make()
        await server.connect()
        return Line(server, 0)

    async def _rested(self) -> Line | None:
        """Return one that was at rest and says that it still works; None if there is none."""
        while self._resting:
            line, rest = self._resting.popitem()
            rest.cancel()
            try:
                await line.server.rset(timeout=PROBE)
            except FAULTS:
                line.server.close()
            else:
                return line
        return None

    def _put_to_rest(self, line: Line) -> None:
        used = Line(line.server, line.sent + 1)
        self._resting[used] = rest = asyncio.create_task(self._rest(used))
        rest.add_done_callback(lambda _: self._ended(used))

    def _ended(self, line: Line) -> None:
        """Close one whose rest was cancelled, though nobody has taken it: the loop ends."""
        if self._resting.pop(line, None) is not None:
            line.server.close()

    async def _rest(self, line: Line) -> None:
        await asyncio.sleep(REST if line.sent < MESSAGES else 0)
        del self._resting[line]
        try:
            await line.server.quit(timeout=PROBE)
        except FAULTS:
            line.server.close()

    def close(self) -> None:
        """Let go of those at rest."""
        for rest in [*self._resting.values()]:
            rest.cancel()
