"""Rooms, told: the incident's card first, what happened below it; once for all holders of a role.

One row at a time is in a room, so that an incident has one card; the others come back in a moment. A room that asks for
a pause gets it; one that does not take the message is given up, and mail goes on.
"""

from typing import TYPE_CHECKING, Any

from hinomi import log
from hinomi.playbooks.channels import ChannelError, Message, Room
from hinomi.playbooks.engine import journal, leases, rooms, rows, says
from hinomi.playbooks.engine.rows import Row
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine.outbox import Executor

MOST_TRIES = 5
LONGEST_PAUSE = 60.0
"""A room that asks for a longer pause is too late for anybody."""
SOON = 1.0


class LaterError(Exception):
    """The room asks for a pause: the row is to come back."""

    def __init__(self, seconds: float, why: str):
        super().__init__(why)
        self.seconds = seconds


async def tell(executor: "Executor", row: Row, message: Message) -> str:
    """Tell the rooms of a message's role; return what one said that is enough, or nothing: then mail is needed.

    Raises:
        LaterError: If a room asks for a pause; what was done is kept in ``row["body"]``.
    """
    body, enough = row["body"], ""
    tries: dict[str, int] = body.setdefault("rooms", {})
    for room in rooms.told(executor.engine, body["role"], row["tenant"]):
        if tries.get(room.name, 0) >= MOST_TRIES:
            continue
        try:
            answer = await _once(executor, room, row, message)
        except ChannelError as error:
            tries[room.name] = tries.get(room.name, 0) + 1
            if error.after is not None and error.after <= LONGEST_PAUSE and tries[room.name] < MOST_TRIES:
                raise LaterError(max(error.after, SOON), str(error)) from error
            tries[room.name] = MOST_TRIES
            await _given_up(executor, room, row, error)
        else:
            enough = enough or (f"{room.name} {answer}" if room.answers and not body["cc"] else "")
    return enough


async def refresh(executor: "Executor", row: Row) -> None:
    """Bring the cards of an incident up to date."""
    for room in executor.engine.rooms:
        with executor.state.read() as conn:
            place = rooms.place(conn, room, row["incident"])
        if not place:
            continue
        try:
            with _turn(executor, room):
                await _show(executor, room, row["incident"])
        except (ChannelError, LaterError) as error:
            pause, why = getattr(error, "after", None) or SOON * 2 ** min(row["tries"], 8), str(error)
            busy = isinstance(error, LaterError)
            if not busy and row["tries"] >= MOST_TRIES:
                log.get().error("room.not_updated", room=room.name, error=why)
                await executor.write(row, lambda conn, now, why=why: leases.done(conn, row, now, why))  # type: ignore[misc]  # a default of a lambda has no type
            else:
                pause = SOON if busy else min(pause, 300.0)
                await executor.write(row, lambda conn, now, p=pause, w=why: leases.again(conn, row, now, p, w))  # type: ignore[misc]  # nor here
            return
    await executor.write(row, lambda conn, now: leases.done(conn, row, now))


class _turn:
    """Be the only one in a room."""

    def __init__(self, executor: "Executor", room: Room):
        self._inside, self._name = executor.in_rooms, room.name

    def __enter__(self) -> None:
        if self._name in self._inside:
            raise LaterError(SOON, "others are being told there")
        self._inside.add(self._name)

    def __exit__(self, *_: object) -> None:
        self._inside.discard(self._name)


async def _once(executor: "Executor", room: Room, row: Row, message: Message) -> str:
    """Tell a room what it has not been told on behalf of another holder of the role; return its answer."""
    group = row["key"].removesuffix(f":{row['body']['person']}")
    incident = row["incident"]
    with _turn(executor, room):
        with executor.state.read() as conn:
            if known := rooms.answer_to(conn, room, incident, group):
                return known
        place = await _show(executor, room, incident)
        answer = await room.add(place, message)
        with executor.state.write() as conn:
            rooms.keep(conn, room, incident, executor.clock.now(), place=place, group=group, answer=answer)
        return answer


async def _show(executor: "Executor", room: Room, incident: str) -> str:
    """Show an incident's card; return where it is, which is kept at once."""
    with executor.state.read() as conn:
        known = rooms.place(conn, room, incident)
        card = rooms.card(executor.engine, conn, room, rows.get(conn, t.incident, incident))
    place = await room.show(card, known)
    if place != known:
        with executor.state.write() as conn:
            rooms.keep(conn, room, incident, executor.clock.now(), place=place)
    return place


async def _given_up(executor: "Executor", room: Room, row: Row, error: ChannelError) -> None:
    """Say that a room was not told; mail goes on."""
    log.get().error("room.not_told", room=room.name, error=str(error))

    def write(conn: Any, now: Any) -> None:
        rows.change(conn, t.outbox, row["id"], body=dict(row["body"]))
        journal.tell(conn, row["incident"], "overdue", says.room_refused(room.name, row["body"]["role"]), now)
        journal.prove(
            conn,
            "room.not_told",
            f"incident:{row['incident']}",
            row["tenant"],
            now,
            room=room.name,
            error=str(error)[:200],
        )

    await executor.write(row, write)
