from pathlib import Path

import pytest

from hinomi import audit
from hinomi.audit.seals import Seals
from hinomi.audit.verify import Verdict, verify
from hinomi.clock import FakeClock
from hinomi.state import State

pytestmark = pytest.mark.postgresql


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


@pytest.mark.parametrize("at_once", [1, 4, 5, 12, 13])
def test_a_chain_is_walked_to_its_end_however_many_records_are_read_together(
    state: State, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("hinomi.audit.verify.AT_ONCE", at_once)
    seals = Seals(tmp_path)
    _chain(state, clock, seals)
    assert (_verdict(state, seals).ok, _verdict(state, seals).count) == (True, 12)


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


def test_two_writers_of_seals_continue_one_row_of_numbers(state: State, clock: FakeClock, tmp_path: Path) -> None:
    _chain(state, clock, Seals(tmp_path))
    for number, seals in enumerate((Seals(tmp_path), Seals(tmp_path)), 13):
        with state.write() as conn:
            head = audit.record(conn, clock.now(), actor="person:p1", act="test.act", detail={"n": number})
        assert seals.write(head, clock.now())
        assert not seals.write(head, clock.now())
    assert [seal.number for seal in Seals(tmp_path).read()] == [1, 2, 3, 4, 5]
    assert _verdict(state, Seals(tmp_path)).ok


def test_a_seal_torn_by_a_crash_is_cut_away_by_the_next_one(state: State, clock: FakeClock, tmp_path: Path) -> None:
    seals = Seals(tmp_path)
    _chain(state, clock, seals)
    with seals.path.open("a") as file:
        file.write('{"n": 4, "prev": "ab')
    assert not _verdict(state, seals).ok
    with state.write() as conn:
        head = audit.record(conn, clock.now(), actor="person:p1", act="test.act")
    Seals(tmp_path).write(head, clock.now())
    assert _verdict(state, seals).ok


def test_an_auditor_without_the_private_key_holds_seals_against_the_public_one(
    state: State, clock: FakeClock, tmp_path: Path
) -> None:
    seals = Seals(tmp_path)
    _chain(state, clock, seals)
    (tmp_path / "keys" / "seal.pem").unlink()
    assert _verdict(state, Seals(tmp_path)).ok
    assert not (tmp_path / "keys" / "seal.pem").exists(), "verifying makes no key"


def test_records_without_any_seal_are_not_taken_for_whole(state: State, clock: FakeClock, tmp_path: Path) -> None:
    seals = Seals(tmp_path)
    _chain(state, clock, seals)
    for path in (seals.path, tmp_path / "keys" / "seal.pem", tmp_path / "keys" / "seal.last"):
        path.unlink()
    assert "never sealed" in _verdict(state, Seals(tmp_path)).seal_reason
