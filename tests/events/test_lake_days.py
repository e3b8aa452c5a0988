"""A hunt over years asks the lake for days with few events together, and gives them day by day."""

from pathlib import Path

import pytest

from hinomi.events import Flush, open_store
from hinomi.events.candidates import ALL
from hinomi.settings import Settings
from hinomi.tenancy import Grant


def event(number: int) -> dict[str, object]:
    return {
        "@timestamp": f"2026-11-{number % 20 + 1:02}T01:00:00.{number:06}Z", "event.id": f"{number:032x}", "event.dataset": "t.x",
        "hinomi.tenant": "kita/aoba", "hinomi.source": "s", "message": f"line {number}",
    }  # fmt: skip


@pytest.mark.parametrize("together", [1, 5, 10_000])
def test_candidates_come_in_the_order_of_days_each_batch_of_one(
    together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hinomi.events.lake.TOGETHER", together)
    store = open_store(Settings(data=tmp_path), writable=True)
    sent = [event(n) for n in range(1, 60)]
    store.append(Flush("a", [(1, sent[30:])]))
    store.append(Flush("a", [(2, sent[:30])]))
    window = ("2026-11-03T00:00:00.000000Z", "2026-11-18T12:00:00.000000Z")
    batches = list(store.candidates(ALL, *window, Grant("t", "", frozenset({"read"}))))
    store.close()
    days = [{str(found["@timestamp"])[:10] for found in batch} for batch in batches]
    assert all(len(day) == 1 for day in days)
    ordered = [day for found in days for day in found]
    assert ordered == sorted(ordered)
    found = sorted(str(each["event.id"]) for batch in batches for each in batch)
    assert found == sorted(str(each["event.id"]) for each in sent if window[0] <= str(each["@timestamp"]) < window[1])
