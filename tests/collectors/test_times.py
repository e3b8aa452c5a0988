"""Times as exports, agents and spreadsheets write them come to one form."""

import pytest

from hinomi.collectors.times import to_iso

NINE = "2026-01-05T00:03:09.000000Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026/01/05 09:03:09",
        "2026/1/5 9:03:09",
        "2026年1月5日 9時03分09秒",
        "2026-01-05T09:03:09",
        "2026-01-05T09:03:09.0000001+09:00",
        "2026-01-05 00:03:09 +0000",
        "2026-01-05T00:03:09Z",
        "1767571389",
        "1767571389000",
        "/Date(1767571389000)/",
    ],
)
def test_one_moment_has_one_form_however_it_was_written(text: str) -> None:
    assert to_iso(text, "Asia/Tokyo") == NINE


@pytest.mark.parametrize("text", ["", "-", "日時", "2026/13/45 1:1", "09:03", "2026/1/5 25:00", "9999999999999"[:9]])
def test_what_is_no_time_is_none(text: str) -> None:
    assert to_iso(text, "Asia/Tokyo") is None
