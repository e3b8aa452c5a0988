"""What is looked up or asked by one expression stands there exactly where a plain search finds it."""

from hypothesis import given
from hypothesis import strategies as st

from hinomi.detections.engine import needles

VALUES = st.text(st.sampled_from("ab\\.*ü "), max_size=6)
FRAMES = st.sampled_from([("", ""), ("\0", ""), ("", "\0"), ("\0", "\0")])
NEEDLES = st.builds(lambda frame, value: f"{frame[0]}{value}{frame[1]}", FRAMES, VALUES.filter(bool))


@given(values=st.lists(VALUES, max_size=3), wanted=st.lists(NEEDLES, min_size=1, max_size=40))
def test_some_and_every_needle_are_found_where_a_search_finds_them(values: list[str], wanted: list[str]) -> None:
    text = "\0" + "\0".join(values) + "\0" if values else ""
    assert needles.some(7, wanted)({7: text}) is any(needle in text for needle in wanted)
    assert needles.every(7, wanted)({7: text}) is all(needle in text for needle in wanted)


@given(value=VALUES.filter(bool), at=st.integers(0, 5))
def test_the_end_of_a_value_is_found_among_many_ends(value: str, at: int) -> None:
    end = f"{value[at % len(value) :]}\0"
    wanted = [rf"\name{number}.exe{chr(0)}" for number in range(50)] + ["\0whole\0", end]
    assert needles.some(0, wanted)({0: f"\0{value}\0"})


def test_texts_that_are_too_long_for_one_expression_are_found_all_the_same() -> None:
    wanted = [f"{number:02d}{'ab' * 200_000}" for number in range(30)]
    assert needles.some(0, wanted)({0: f"\0before {wanted[-1]} behind\0"})
    assert not needles.some(0, wanted)({0: f"\0before {wanted[-1][:-1]} behind\0"})
