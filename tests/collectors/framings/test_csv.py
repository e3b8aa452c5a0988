"""Rows out of CSV files: a header is no act, and no act is taken for a header."""

import pytest

from hinomi.collectors.framings.csv import Csv

HEADER = "日時,操作,パス"
ACT = "2026/11/24 09:15:02,ファイルコピー,C:\\表ソ能.xlsx"


def rows_of(text: str, encoding: str = "utf-8") -> tuple[list[str], str | None]:
    framing = Csv(encoding=encoding)
    cuts = framing.feed(text.encode(encoding)) + framing.finish()
    return [cut.raw.decode(encoding) for cut in cuts], framing.context


def test_the_first_row_with_titles_is_the_header_and_no_record() -> None:
    assert rows_of(f"{HEADER}\r\n{ACT}\r\n") == ([ACT], HEADER)


@pytest.mark.parametrize(
    "first", [ACT, f'"PC-1",{ACT}', f'"PC-1","{ACT.partition(",")[0]}"', "PC-1, 2026-1-5 8:03,x", "2026年1月5日,x"]
)
def test_a_first_row_that_holds_a_date_is_an_act_of_a_file_without_header(first: str) -> None:
    assert rows_of(f"{first}\r\n{ACT}\r\n") == ([first, ACT], "")


def test_a_file_without_header_goes_on_without_one_after_a_restart() -> None:
    framing = Csv(encoding="cp932", context="")
    cuts = framing.feed(f"{HEADER}\n{ACT}\n".encode("cp932"))
    assert [cut.raw.decode("cp932") for cut in cuts] == [HEADER, ACT]


def test_a_newline_inside_quotes_does_not_end_the_first_act() -> None:
    act = '2026/11/24 09:15:02,"一行目\n""二行目""",x'
    assert rows_of(f"{act}\n{ACT}\n", "cp932") == ([act, ACT], "")
