"""The default columns of i-FILTER are cut at once; whatever is odd about a line, it means what the careful way says."""

import re
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hinomi.collectors.formats import ifilter_access

LINES = (
    (Path(__file__).parents[2] / "golden/formats/ifilter.access/access.log").read_text(encoding="utf-8").splitlines()
)
ODD = st.sampled_from(['"', "[", "]", " ", "  ", "-", '""', "[]", "\t", "é", "Nov", "\u3000", '"-"', "x"])


def cells(text: str) -> tuple[Any, Any]:
    """Return what the shipped way and the careful way alone make of a line."""
    whole = ifilter_access._WHOLE
    quick = ifilter_access._cells(text, None)
    try:
        ifilter_access._WHOLE = re.compile(r"(?!)")
        return quick, ifilter_access._cells(text, None)
    finally:
        ifilter_access._WHOLE = whole


def meant(found: Any) -> Any:
    return None if found is None else {name: text for name, text in found.items() if text}


def test_lines_of_the_maker_are_cut_at_once() -> None:
    assert sum(ifilter_access._WHOLE.fullmatch(line) is not None for line in LINES) >= len(LINES) // 2


@given(line=st.sampled_from(LINES), at=st.integers(0, 600), odd=ODD, drop=st.integers(0, 3))
@example(line=LINES[0], at=0, odd='"', drop=0)
@example(line=LINES[0], at=64, odd="\t", drop=0)
@settings(max_examples=300, deadline=None)
def test_a_line_with_something_odd_in_it_is_cut_as_before(line: str, at: int, odd: str, drop: int) -> None:
    at = min(at, len(line))
    quick, careful = cells(line[:at] + odd + line[at + drop :])
    assert meant(quick) == meant(careful)
