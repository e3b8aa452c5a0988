"""Does the chain still hold? Names the first bad record after the last seal that agrees."""

import json
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from hinomi.audit import GENESIS, Head, link
from hinomi.audit.seals import Seal, Seals
from hinomi.state import t


@dataclass(frozen=True)
class Verdict:
    """What was found: ``bad`` is the number of the first bad record (0: none), with the reason."""

    count: int
    head: str
    seals: int
    bad: int = 0
    reason: str = ""
    sealed_upto: int = 0
    bad_seals: list[int] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.bad and not self.bad_seals


def verify(conn: Connection, seals: Seals) -> Verdict:
    """Walk the chain from its first record, and hold every seal against it."""
    all_seals = list(seals.read())
    by_count: dict[int, list[Seal]] = {}
    for seal in all_seals:
        if seal.good:
            by_count.setdefault(seal.records, []).append(seal)
    bad_seals = [seal.line for seal in all_seals if not seal.good]
    last, sealed = Head(0, GENESIS), 0

    def verdict(bad: int = 0, reason: str = "") -> Verdict:
        return Verdict(last.records, last.hash, len(all_seals), bad, reason, sealed, bad_seals)

    for seq, text, digest in conn.execute(
        select(t.audit.c.seq, t.audit.c.record, t.audit.c.hash).order_by(t.audit.c.seq)
    ):
        if seq != last.records + 1:
            return verdict(last.records + 1, f"records {last.records + 1} to {seq - 1} are missing")
        if reason := _fault(seq, text, digest, last.hash):
            return verdict(seq, reason)
        last = Head(seq, digest)
        for seal in by_count.get(seq, ()):
            if seal.hash != digest:
                return verdict(sealed + 1, f"rewritten: the seal of {seal.at} over {seq} records holds another hash")
            sealed = seq
    longest = max(by_count, default=0)
    if longest > last.records:
        seal = by_count[longest][0]
        return verdict(
            last.records + 1, f"cut: records {last.records + 1} to {longest} were sealed at {seal.at} and are gone"
        )
    return verdict()


def _fault(seq: int, text: str, digest: str, previous: str) -> str:
    if link(previous, text) != digest:
        return "its content does not fit its hash, or it was moved"
    try:
        numbered = json.loads(text)["seq"]
    except (ValueError, KeyError, TypeError):
        return "it is not a record"
    return "" if numbered == seq else f"it is record {numbered}, in the place of {seq}"
