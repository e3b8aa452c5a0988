"""A lake that cannot be written says so, whatever was to be done, and its writer goes on."""

from pathlib import Path

import pytest

from hinomi.errors import HinomiError
from hinomi.events import Flush, open_store
from hinomi.settings import Settings

EVENT = {"@timestamp": "2020-01-01T00:00:00.000000Z", "event.id": "1", "hinomi.tenant": "kita/aoba"}


def test_a_table_whose_log_is_damaged_stops_no_one_who_writes_or_keeps_house(tmp_path: Path) -> None:
    store = open_store(Settings(data=tmp_path), writable=True)
    store.append(Flush("a", [(1, [EVENT])]))
    entry = tmp_path / "lake/events/_delta_log" / f"{1:020}.json"
    entry.write_text("{")
    for act in (
        lambda: store.append(Flush("a", [(2, [EVENT])])),
        lambda: store.expire("2026-01-01T00:00:00.000000Z", {"365": 365}),
        store.maintain,
    ):
        with pytest.raises(HinomiError, match="the lake cannot be written"):
            act()
    entry.unlink()
    assert store.expire("2026-01-01T00:00:00.000000Z", {"365": 365}) == 1
    store.close()
