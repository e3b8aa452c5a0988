"""Does the chain still hold? Names the first bad record after the last seal that agrees."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from hinomi.audit import GENESIS, Head, link
from hinomi.audit.seals import Seal, Seals
from hinomi.state import t

AT_ONCE = 5000


@dataclass(frozen=True)
class Verdict:
    """What was found: ``bad`` is the number of the first bad record (0: none), with the reason."""

    count: int
    head: str
    seals: int
    bad: int = 0
    reason: str = ""
    sealed_upto: int = 0
    bad_seals: Sequence[int] = ()
    seal_reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.bad and not self.seal_reason


def verify(conn: Connection, seals: Seals, witnesses: Iterable[Head] = ()) -> Verdict:
    """Walk the chain from its first record, and hold every seal against it.

    ``witnesses`` are heads that somebody else kept: those printed in reports say (count, hash).
    """
    last_seal = seals.last()  # before the file: a seal that comes meanwhile stands there, and is no seal too many
    all_seals = list(seals.read())
    expected: dict[int, list[tuple[str, str]]] = {}
    for seal in [*all_seals, *([last_seal] if last_seal else [])]:
        if seal.at:
            expected.setdefault(seal.records, []).append((seal.hash, f"the seal of {seal.at}"))
    for witness in witnesses:
        expected.setdefault(witness.records, []).append((witness.hash, "the head that was given"))
    last, sealed, bad, reason = _walk(conn, expected)
    lines, seal_reason = _seal_fault(all_seals, last_seal, last.records)
    return Verdict(last.records, last.hash, len(all_seals), bad, reason, sealed, lines, seal_reason)


def _walk(conn: Connection, expected: dict[int, list[tuple[str, str]]]) -> tuple[Head, int, int, str]:
    """Return (last good record, how far it is sealed, first bad record or 0, why)."""
    last, sealed = Head(0, GENESIS), 0
    try:
        for seq, text, digest in _rows(conn):
            if seq != last.records + 1:
                return last, sealed, last.records + 1, _missing(last.records + 1, seq)
            if reason := _fault(seq, text, digest, last.hash):
                return last, sealed, seq, reason
            last = Head(seq, digest)
            for kept, source in expected.get(seq, ()):
                if kept != digest:
                    return last, sealed, sealed + 1, f"rewritten: {source} over {seq} records holds another hash"
                sealed = seq
    except DBAPIError as error:
        if error.connection_invalidated:  # the server went away: that says nothing of the chain
            raise
        return last, sealed, last.records + 1, f"the database cannot be read from here on: {error.orig}"
    longest = max(expected, default=0)
    if longest > last.records:
        _, source = expected[longest][0]
        why = f"cut: records {last.records + 1} to {longest} are gone; {source} is over {longest}"
        return last, sealed, last.records + 1, why
    return last, sealed, 0, ""


def _rows(conn: Connection) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the records in order; some thousands are asked for at a time, since not every driver hands them out singly."""
    asked = select(t.audit.c.seq, t.audit.c.record, t.audit.c.hash).order_by(t.audit.c.seq).limit(AT_ONCE)
    more, count = asked, AT_ONCE
    while count == AT_ONCE:
        count = 0
        for row in conn.execute(more):
            yield row.seq, row.record, row.hash
            count += 1
        if count:
            more = asked.where(t.audit.c.seq > row.seq)


def _missing(due: int, seq: object) -> str:
    if not isinstance(seq, int) or seq < due:
        return f"a record numbered {seq} stands before it"
    return f"records {due} to {seq - 1} are missing" if seq - 1 > due else f"record {due} is missing"


def _fault(seq: int, text: object, digest: object, previous: str) -> str:
    if not isinstance(text, str) or not isinstance(digest, str):
        return "it is not a record"
    if link(previous, text) != digest:
        return "its content does not fit its hash, or it was moved"
    try:
        numbered = json.loads(text)["seq"]
    except (ValueError, KeyError, TypeError):
        return "it is not a record"
    return "" if numbered == seq else f"it is record {numbered}, in the place of {seq}"


def _seal_fault(all_seals: Sequence[Seal], last: Seal | None, records: int) -> tuple[list[int], str]:
    """Return (lines of seals with a fault, what is wrong with the seals as a whole)."""
    faulty = [seal for seal in all_seals if seal.fault]
    lines = [seal.line for seal in faulty]
    if faulty:
        return lines, f"seal line {faulty[0].line} {faulty[0].fault}"
    number = all_seals[-1].number if all_seals else 0
    if last and last.number > number:
        which = f"seals {number + 1} to {last.number} are" if last.number > number + 1 else f"seal {last.number} is"
        return [], f"audit/seals.jsonl was cut, emptied or put back: {which} missing"
    if last is None and all_seals:
        return [], "the copy of the last seal beside the key (keys/seal.last) is missing or not as it was signed"
    return ([], "the records were never sealed, or seals and key are gone") if records and not all_seals else ([], "")
