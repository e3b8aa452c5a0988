from pathlib import Path

import pytest

from hinomi import audit
from hinomi.audit.seals import Seals
from hinomi.audit.verify import Verdict, verify
from hinomi.clock import FakeClock
from hinomi.state import State


def _chain(state: State, clock: FakeClock, seals: Seals, count: int = 12) -> None:
    for number in range(count):
        with state.write() as conn:
            head = audit.record(
                conn, clock.advance(seconds=1), actor="person:p1", act="test.act", detail={"n": number, "名": "値"}
            )
        if number % 4 == 3:
            seals.write(head, clock.now())


def _verdict(state: State, seals: Seals) -> Verdict:
    with state.read() as conn:
        return verify(conn, seals)


def test_an_untouched_chain_holds(state: State, clock: FakeClock, tmp_path: Path) -> None:
    seals = Seals(tmp_path)
    _chain(state, clock, seals)
    verdict = _verdict(state, seals)
    assert verdict.ok
    assert (verdict.count, verdict.seals, verdict.sealed_upto) == (12, 3, 12)


@pytest.mark.parametrize(
    ("damage", "first_bad"),
    [
        ("UPDATE audit SET record=replace(record, '\"n\":4', '\"n\":5') WHERE seq=5", 5),
        ("DELETE FROM audit WHERE seq=7", 7),
        ("DELETE FROM audit WHERE seq>9", 10),
        ("DELETE FROM audit", 1),
        ("INSERT INTO audit VALUES(13, '{\"seq\":13}', 'ab')", 13),
        (
            "UPDATE audit SET seq=-1 WHERE seq=3; UPDATE audit SET seq=3 WHERE seq=4; UPDATE audit SET seq=4 WHERE seq=-1",
            3,
        ),
    ],
    ids=["changed", "removed", "cut", "emptied", "added", "swapped"],
)
def test_the_first_bad_record_is_named(
    state: State, clock: FakeClock, tmp_path: Path, damage: str, first_bad: int
) -> None:
    seals = Seals(tmp_path)
    _chain(state, clock, seals)
    with state.write() as conn:
        for statement in damage.split("; "):
            conn.exec_driver_sql(statement)
    verdict = _verdict(state, seals)
    assert not verdict.ok
    assert verdict.bad == first_bad


def test_a_chain_rewritten_as_a_whole_does_not_fit_its_seals(state: State, clock: FakeClock, tmp_path: Path) -> None:
    seals = Seals(tmp_path)
    _chain(state, clock, seals)
    with state.write() as conn:
        conn.exec_driver_sql("DELETE FROM audit")
        for number in range(12):
            audit.record(conn, clock.now(), actor="somebody", act="test.act", detail={"n": number})
    verdict = _verdict(state, seals)
    assert (verdict.bad, "rewritten" in verdict.reason) == (1, True)


def test_a_forged_seal_is_named(state: State, clock: FakeClock, tmp_path: Path) -> None:
    seals = Seals(tmp_path)
    _chain(state, clock, seals)
    lines = seals.path.read_text().splitlines()
    lines[1] = lines[1].replace('"count": 8', '"count": 9')
    seals.path.write_text("\n".join(lines) + "\n")
    assert _verdict(state, seals).bad_seals == [2]
