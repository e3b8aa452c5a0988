r"""Who did it: an account as a log writes it, found in the list of people."""

import pytest

from hinomi.directory import Directory, Person
from hinomi.directory.enrich import enrich

PEOPLE = [
    Person(
        "t1", "kita/aoba/higashi-es", "林 直子", "teacher", mail="t1@aoba.example", accounts=("AOBA\\hayashi.naoko",)
    ),
    Person("h1", "kita/aoba/higashi-es", "鈴木 一", "principal", accounts=("suzuki",)),
    Person("t2", "kita/midori/nishi-es", "林 直美", "teacher", accounts=("MIDORI\\hayashi.naoko",)),
]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ({"user.name": "hayashi.naoko"}, "t1"),
        ({"user.name": "Hayashi.Naoko", "user.domain": "AOBA"}, "t1"),
        ({"user.name": "hayashi.naoko", "user.domain": "aoba.local"}, "t1"),
        ({"user.name": "AOBA\\hayashi.naoko", "user.domain": "AOBA"}, "t1"),
        ({"user.email": "t1@aoba.example"}, "t1"),
        ({"user.name": "suzuki", "user.domain": "AOBA"}, "h1"),
        ({"user.name": "suzuki@aoba.example"}, "h1"),
    ],
)
def test_an_account_is_known_with_and_without_its_domain(written: dict[str, str], found: str) -> None:
    event = dict(written)
    enrich(Directory(1, [], PEOPLE), event, "kita/aoba")
    assert event["hinomi.user.id"] == found


def test_an_account_of_the_pc_itself_is_not_the_colleague_of_the_same_name() -> None:
    event = {"user.name": "hayashi.naoko", "user.domain": "PC-0101"}
    enrich(Directory(1, [], PEOPLE), event, "kita/aoba")
    assert "hinomi.user.id" not in event


def test_a_name_that_two_people_of_one_source_bear_is_nobody_alone() -> None:
    assert Directory(1, [], PEOPLE).person("hayashi.naoko", "kita") is None
    assert Directory(1, [], PEOPLE).person("hayashi.naoko", "kita/midori") == PEOPLE[2]
