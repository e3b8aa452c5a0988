"""What was found for the same values is found again; what differs in anything that a rule reads is asked anew."""

from typing import Any

import pytest

from hinomi.detections.engine import native
from hinomi.detections.engine.predicates import build, text_of
from hinomi.event import Event

pytestmark = pytest.mark.skipif(not native.available(), reason="the extension in C was not built here")

RULES = """
title: Named
id: named
level: low
logsource: {product: hinomi}
detection: {a: {message|contains: brown fox}, b: {user.name: anna}, condition: a and not b}
---
title: Keyword
id: keyword
level: low
logsource: {product: hinomi}
detection: {words: [needle], condition: words}
---
title: Expression
id: expression
level: low
logsource: {product: hinomi}
detection: {a: {message|re: 'Fox[0-9]+'}, condition: a}
---
title: Without
id: without
level: low
logsource: {product: hinomi}
detection: {a: {message|contains: brown fox}, k: [excepted], condition: a and not k}
---
title: Own field and a keyword
id: own
level: low
logsource: {product: hinomi}
detection: {a: {file.name|endswith: verylongandrare.exe}, k: [seen], condition: a and k}
"""


def event(message: object, **more: object) -> Event:
    return {
        "event.module": "hinomi",
        "message": message,
        **{name.replace("_", "."): value for name, value in more.items()},
    }


@pytest.fixture
def ruleset(site: Any) -> Any:
    site.write("all", RULES)
    ruleset = site.load().current()
    assert not ruleset.faults
    return ruleset


def found(ruleset: Any, each: Event) -> set[str]:
    return {rule.id for _, rule in ruleset.match([each]).hits}


CASES: list[tuple[Event, set[str]]] = [
    (event("a brown fox"), {"named", "without"}),
    (event("a brown fox", user_name="anna"), {"without"}),
    (event("a brown fox", user_name=["anna", "b"]), {"without"}),
    (event("a brown fox", user_name="Anna "), {"named", "without"}),
    (event("a brown fox", other="a needle"), {"named", "without", "keyword"}),
    (event("a brown fox", other="excepted"), {"named"}),
    (event("a brown fox", other=["x", {"y": "NEEDLE"}]), {"named", "without", "keyword"}),
    (event("a brown fox", other=17), {"named", "without"}),
    (event("seen", file_name="common.exe"), set()),
    (event("seen", file_name="verylongandrare.exe"), {"own"}),
    (event("seen", file_name="common.exe", other=1.5), set()),
    (event("Fox1"), {"expression"}),
    (event("fox1"), set()),
    (event(["fox1", "Fox1"]), {"expression"}),
    (event("Fox1é"), {"expression"}),
    (event("Fox1漢"), {"expression"}),
    (event(1), set()),
    (event(True), set()),
    (event("true"), set()),
    (event([]), set()),
    (event(None), set()),
    (event("x" * 5000 + "Fox1"), {"expression"}),
    (event("x" * 5000 + " brown fox"), {"named", "without"}),
]


def test_events_that_differ_in_what_a_rule_reads_never_share_an_answer(ruleset: Any) -> None:
    for _ in range(3):
        for each, wanted in CASES:
            assert found(ruleset, each) == wanted, each
        for each, wanted in reversed(CASES):
            assert found(ruleset, each) == wanted, each


def test_the_answers_are_the_same_when_nothing_is_remembered(ruleset: Any) -> None:
    ruleset.matcher.remember(False)
    for each, wanted in CASES * 2:
        assert found(ruleset, each) == wanted, each


def test_far_more_different_events_than_are_remembered_are_answered_rightly(ruleset: Any) -> None:
    filling = "y" * 900
    for number in range(40_000):
        wanted = number % 1000 == 0
        text = f"{filling} brown fox {number}" if wanted else f"{filling} {number}"
        assert bool(found(ruleset, event(text, user_name="bert"))) is wanted


def test_a_rule_that_fails_is_no_part_of_what_is_remembered(ruleset: Any) -> None:
    each = event("a brown fox and Fox1")
    assert found(ruleset, each) == {"named", "without", "expression"}
    number = [rule.id for rule in ruleset._infos].index("expression")
    ruleset.matcher._exact.broken.add(number)  # as one that failed; nothing that is shipped does
    ruleset.matcher._native.forget()
    for _ in range(2):
        assert found(ruleset, each) == {"named", "without"}


def test_a_condition_that_could_not_be_made_hides_no_field_from_the_others() -> None:
    trees: list[Any] = [["atom", ["user.name"], "eq", "anna"], ["atom", ["message"], "contains", "fox"]]
    failures = [ValueError("not now")]

    from hinomi.detections.engine import _native

    def tree(number: int) -> Any:
        if number == 1 and failures:
            raise failures.pop()
        return trees[number]

    def route(_: Event) -> tuple[bytes, bytes, bool, frozenset[str]]:
        return (3).to_bytes(8, "little"), bytes(8), True, frozenset(("message",))

    matcher = _native.Matcher(2, tree, build, dict, text_of, frozenset(), frozenset(), (), route, bytes(8))
    matcher.literal(["message"], "contains", "brown", 0, [0, 1])
    matcher.ready()
    each = event("a brown fox", user_name="anna")
    with pytest.raises(ValueError, match="not now"):
        matcher.match(each)
    assert list(matcher.match(each)) == [0, 1]
