"""Messages in a stream: counted, in lines, and what says one and is the other; however the network cuts it."""

import pytest

from hinomi.collectors.framings.syslog import Syslog

COUNTED = b"13 <14>two lines"  # a count is of bytes behind it
CASES = {
    "lines": (b"<14>one\r\n<14>two\n\n<14>three", [b"<14>one", b"<14>two", b"<14>three"]),
    "counted": (b"7 <14>one11 <14>two\nx y7 <14>end", [b"<14>one", b"<14>two\nx y", b"<14>end"]),
    "counted with line feeds between": (b"7 <14>one\n7 <14>two\r\n7 <14>end\n", [b"<14>one", b"<14>two", b"<14>end"]),
    "a digit that is no count": (b"2026-11-25 09:00:00 x\n7 of 9\n12\n1763 <x\n", [b"2026-11-25 09:00:00 x", b"7 of 9", b"12", b"1763 <x"]),
    "both": (b"<14>line\n7 <14>one<14>line\n", [b"<14>line", b"<14>one", b"<14>line"]),
    "a count beyond the bound": (b"999999999 <14>hello\n<14>next\n", [b"999999999 <14>hello", b"<14>next"]),
    "a count that never comes true": (b"400 <14>short", [b"400 <14>short"]),
    "no count without a space": (b"0 <14>a\n07 <14>b\n", [b"0 <14>a", b"07 <14>b"]),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("name", CASES)
def test_messages_are_cut_alike_however_they_arrive(name: str, size: int) -> None:
    data, expected = CASES[name]
    framing = Syslog()
    cuts = [cut for n in range(0, len(data), size) for cut in framing.feed(data[n : n + size])] + framing.finish()
    assert [cut.raw for cut in cuts] == expected
    assert [cut.start for cut in cuts] == sorted(cut.start for cut in cuts)
    assert cuts[-1].end == len(data.rstrip(b"\n")) or data[cuts[-1].end :].strip() == b""


WRONG = {
    "too large": (b"30 <14>hello\n<14>the second\n<14>the third\n", [b"30 <14>hello", b"<14>the second", b"<14>the third"]),
    "too small": (b"5 <14>hello world\n<14>next\n", [b"5 <14>hello world", b"<14>next"]),
    "of characters": ("9 <14>成績一覧9 <14>成績二覧7 <14>end".encode(), ["9 <14>成績一覧".encode(), "9 <14>成績二覧".encode(), b"<14>end"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_count_is_seen_by_what_follows_and_loses_nothing_if_that_comes_later(name: str) -> None:
    data, expected = WRONG[name]
    framing = Syslog()
    assert [cut.raw for cut in framing.feed(data) + framing.finish()] == expected
    slow = Syslog()
    pieces = [cut for n in range(len(data)) for cut in slow.feed(data[n : n + 1])] + slow.finish()
    assert sum(cut.end - cut.start for cut in pieces) == len(data)


def test_what_never_ends_is_cut_at_the_bound_and_nothing_of_it_is_lost() -> None:
    framing, data = Syslog(longest=1000), bytes(range(48, 58)) * 1234
    cuts = framing.feed(data)
    assert {len(cut.raw) for cut in cuts} == {1000}
    assert framing.torn <= 1000
    assert b"".join(cut.raw for cut in cuts + framing.finish()) == data
