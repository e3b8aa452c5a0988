"""`hinomi playbook diff`: what changes is said in words of the playbook; what an approver must not overlook is marked."""

from hinomi.playbooks.comparing import Change, compare
from hinomi.playbooks.engine.model import parse

BASE = """playbook: 1
id: p
version: 1.0.0
title: {ja: 試験}
match: {cause: external}
steps:
  - {id: isolate, do: endpoint.isolate, target: incident.endpoint, verify: {state: isolated, within: 15m}}
  - {id: confirm, decide: [bad, good], by: operator, due: 30m, escalate: operator_lead}
  - {id: release, do: endpoint.release, target: incident.endpoint, approve: {role: operator, quorum: 2, due: 1h}}
"""


def changes(*swaps: tuple[str, str]) -> list[Change]:
    text = BASE
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    return compare(parse(BASE, "a.yml"), parse(text, "b.yml"))


def test_another_spelling_of_the_same_is_no_change() -> None:
    assert (
        changes(("  - {id: confirm, ", "  # why\n  - {after: [isolate], id: confirm, "), ("due: 1h}", "due: 60m}"))
        == []
    )


def test_a_time_and_a_role_are_shown_before_and_after() -> None:
    assert changes(("due: 30m", "due: 1h"), ("by: operator", "by: board")) == [
        Change("confirm", "changed", "by", "operator", "board", "another role"),
        Change("confirm", "changed", "due", "30m", "1h"),
    ]


def test_a_step_that_goes_or_comes_is_named_with_what_it_means() -> None:
    (gone, order) = changes((BASE.splitlines(keepends=True)[7], ""))
    assert (gone.step, gone.change, gone.careful) == ("confirm", "removed", "the decide is gone")
    assert order == Change("release", "changed", "after", ["confirm"], ["isolate"])
    (come,) = changes(
        ("steps:\n", "steps:\n  - {id: scan, after: [], do: endpoint.scan, target: incident.endpoint}\n"),
        ("{id: isolate,", "{id: isolate, after: [],"),
    )
    assert (come.step, come.change, come.careful) == ("scan", "added", "acts by itself: endpoint.scan")


def test_safeguards_that_go_or_weaken_are_marked() -> None:
    assert [one.careful for one in changes((", approve: {role: operator, quorum: 2, due: 1h}", ""))] == [
        "a safeguard goes"
    ]
    assert [one.careful for one in changes(("quorum: 2", "quorum: 1"))] == ["fewer persons say yes"]
    assert [one.careful for one in changes((", escalate: operator_lead", ""))] == ["a safeguard goes"]
    assert [one.careful for one in changes((", verify: {state: isolated, within: 15m}", ""))] == ["a safeguard goes"]
    assert [one.careful for one in changes(("due: 1h}", "due: 1h, on_timeout: fail}"))] == [
        "without an answer it goes on"
    ]
    assert [one.careful for one in changes(("match:", "mode: live\nmatch:"))] == ["it acts from the start"]
    assert [one.careful for one in changes(("quorum: 2", "quorum: 3"))] == [""]


def test_what_a_playbook_says_of_itself_is_compared_too() -> None:
    assert changes(("match: {cause: external}", "match: {cause: external, severity: [high]}"), ("1.0.0", "1.1.0")) == [
        Change("", "changed", "version", "1.0.0", "1.1.0"),
        Change("", "added", "match.severity", None, ["high"]),
    ]
