"""Exceptions: what they except, where, until when, and what is said of them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from hinomi.clock import JST
from tests.detections.conftest import BASE, HEAD
from tests.detections.test_sigma_semantics import rows

WINDOWS = {"product": "windows", "category": "process_creation"}
EVENT = BASE | {"winlog.channel": "Security", "event.code": "4688", "process.executable": "C:\\x.exe", "hinomi.tenant": "k/city/school"}  # fmt: skip


def day(offset: int) -> str:
    return (datetime.now(JST).date() + timedelta(days=offset)).isoformat()


def rule(name: str = "r1", image: str = "\\x.exe") -> dict[str, Any]:
    detection = {"selection": {"Image|endswith": image}, "condition": "selection"}
    return {**HEAD, "id": name, "name": f"name_{name}", "logsource": WINDOWS, "detection": detection}


def exception(*, own: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    section = {"rules": ["r1"], "selection": {"CommandLine|contains": "backup"}, "condition": "not selection"} | changes
    document = {"title": "backup", "id": "f1", "logsource": WINDOWS, "filter": section}
    return document if own is None else document | {"hinomi": own}


def own(**changes: Any) -> dict[str, Any]:
    return {"owner": "情報担当", "reason": "夜間バックアップ", "until": day(100)} | changes


def hits(site: Any, *documents: dict[str, Any], **event: Any) -> list[str]:
    site.write("all", *documents)
    ruleset = site.load().current()
    assert not ruleset.faults, ruleset.faults
    return sorted(
        info.id for _, info in ruleset.match([EVENT | {key.replace("__", "."): event[key] for key in event}]).hits
    )


CASES: dict[str, list[tuple[dict[str, Any], bool, bool]]] = {
    "filter.condition: selection": [(exception(condition="selection"), False, True)],
    "filter.condition: not selection": [(exception(), False, True)],
    "several searches": [
        (exception(other={"User": "sys"}, condition="not 1 of them"), False, True),
        (exception(other={"CommandLine|contains": "x"}, condition="not selection and not other"), False, True),
        (exception(other={"CommandLine|contains": "never"}, condition="not (selection and other)"), True, True),
    ],
    "filter.rules: id, name": [(exception(rules=["name_r1"]), False, True), (exception(rules="r1"), False, True)],
    "filter.rules: any": [(exception(rules="any"), False, True)],
    "logsource": [(exception() | {"logsource": {"product": "windows"}}, False, True)],
    "hinomi: owner, reason, until, tenants": [
        (exception(own=own()), False, True), (exception(own=own(tenants=["k/city"])), False, True), (exception(own=own(tenants="k/other")), True, True),
        (exception(own=own(tenants=["k/cit", "k/city/school"])), False, True), (exception(own=own(until=day(0))), False, True), (exception(own=own(until=day(-1))), True, True),
    ],
}  # fmt: skip
REFUSED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "a condition that mixes both": [(exception(other={"User": "sys"}, condition="selection and not other"), "not (…)")],
    "rules that are not there, or of another log source": [
        (exception(rules=["r1", "nowhere"]), "'nowhere' is no loaded detection rule"), (exception() | {"logsource": {"product": "linux"}}, "another log source"),
    ],
    "a filter without rules, selection or condition": [
        (exception(rules=None), "filter.rules"), ({"title": "f", "id": "f1", "logsource": WINDOWS, "filter": {"rules": "r1", "condition": "selection"}}, "'selection'"),
        (exception(condition=None), "condition"), ({"title": "f", "id": "f1", "filter": {"rules": "r1"}}, "logsource"), (exception(selection={"CommandLine|re": "(?=a)"}), "selection: CommandLine|re"),
    ],
    "an exception without owner, reason or end date": [
        *((exception(own={key: value for key, value in own().items() if key != gone}), f"hinomi.{gone}") for gone in ("owner", "reason", "until")),
        (exception(own=own(until="soon")), "2027-03-31"), (exception(own=own(tenants=["K!"])), "prefecture/municipality/school"), (exception(own=own(ownr="x")), "hinomi.ownr"),
    ],
}  # fmt: skip


def test_the_page_and_the_cases_name_the_same_elements() -> None:
    said = rows("Filters")
    assert {name for name, state in said.items() if state == "supported"} == set(CASES)
    assert {name for name, state in said.items() if state == "refused"} == set(REFUSED)


@pytest.mark.parametrize("row", CASES)
def test_a_filter_excepts_what_it_says_and_nothing_else(site: Any, row: str) -> None:
    for document, backup, other in CASES[row]:
        assert bool(hits(site, rule(), document, process__command_line="x backup y")) is backup, document
        assert bool(hits(site, rule(), document, process__command_line="evil")) is other, document


@pytest.mark.parametrize("row", REFUSED)
def test_a_faulty_filter_is_named_and_excepts_nothing(site: Any, row: str) -> None:
    for document, said in REFUSED[row]:
        site.write("rule", rule("r2"))
        site.write("filter", document)
        site.write("other", rule("r1", "\\other.exe"))
        ruleset = site.load().current()
        assert any("filter.yml" in fault.where and fault.rule == "f1" and said in fault.reason for fault in ruleset.faults), (said, ruleset.faults)  # fmt: skip
        event = EVENT | {"process.command_line": "x backup y"}
        assert [info.id for _, info in ruleset.match([event]).hits] == ["r2"]


def test_only_the_rules_that_a_filter_names_are_excepted(site: Any) -> None:
    assert hits(site, rule("r1"), rule("r2"), exception(), process__command_line="backup") == ["r2"]


def test_an_exception_in_one_tenant_hides_nothing_in_another(site: Any) -> None:
    documents = rule(), exception(own=own(tenants=["k/city"]))
    assert hits(site, *documents, process__command_line="backup", hinomi__tenant="k/city/school") == []
    for tenant in ("k/town", "k/city2", "k", ""):
        assert hits(site, *documents, process__command_line="backup", hinomi__tenant=tenant) == ["r1"]


def test_an_empty_list_in_a_filter_excepts_nothing(site: Any) -> None:
    document = exception(selection={"User|expand": "%nobody%"})
    assert hits(site, rule(), document, process__command_line="x") == ["r1"]


def test_a_set_says_which_filters_are_on_a_rule_and_how_long(site: Any) -> None:
    made = [exception(own=own(until=day(days))) | {"id": f"f{days}"} for days in (-1, 0, 14, 15)]
    site.write("all", rule(), *made, exception() | {"id": "plain"})
    said = site.load().current().compiled["r1"].filters
    assert {item.id: item.state for item in said} == {"f-1": "ended", "f0": "ends soon", "f14": "ends soon", "f15": "applies", "plain": "applies"}  # fmt: skip
    assert (said[1].owner, said[1].reason, said[1].until) == ("情報担当", "夜間バックアップ", day(0))
    assert said[1].where.endswith("all.yml")


def test_a_field_of_a_filter_that_no_field_map_knows_is_said(site: Any) -> None:
    source = {"product": "nobodys"}
    detection = {"selection": {"message": "x"}, "condition": "selection"}
    document = exception(selection={"Unheard": "y"}) | {"logsource": source}
    site.write("all", {**HEAD, "id": "r1", "logsource": source, "detection": detection}, document)
    (said,) = site.load().current().compiled["r1"].filters
    assert said.unmapped == ["Unheard"]


def test_an_exception_that_changes_is_seen_between_blocks(site: Any) -> None:
    site.write("rule", rule())
    rules = site.load()
    event = EVENT | {"process.command_line": "backup"}
    assert rules.current().match([event]).hits
    path = site.write("filter", exception())
    assert not rules.current().match([event]).hits
    path.unlink()
    assert rules.current().match([event]).hits


def test_the_mark_of_a_rule_is_of_what_it_matches(site: Any) -> None:
    """Whatever is kept by a rule's hash (plans of the matcher, hits) is not taken for another tree's."""
    listed = {"selection": {"User|expand": "%who%"}, "condition": "selection"}
    documents = rule("r1"), rule("r2"), {**rule("r3"), "detection": listed}

    def marks(*more: dict[str, Any], who: str = "sato") -> dict[str, str]:
        site.settings = site.settings.model_copy(
            update={"rules": site.settings.rules.model_copy(update={"lists": {"who": {"": (who,)}}})}
        )
        site.write("all", *documents, *more)
        return {name: info.hash for name, info in site.load().current().rules.items()}

    plain, excepted, other = marks(), marks(exception()), marks(who="suzuki")
    assert [name for name in plain if plain[name] != excepted[name]] == ["r1"]
    assert [name for name in plain if plain[name] != other[name]] == ["r3"]
