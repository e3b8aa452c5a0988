"""Rule folders: faults named and alone, changes seen between blocks, compiled rules kept without pySigma."""

import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest

from hinomi.detections import load
from hinomi.detections.fieldmap import Product, fieldmaps
from hinomi.hits import RuleInfo
from hinomi.settings import Rules

HEAD = {"title": "t", "status": "test", "description": "d", "author": "hinomi", "date": "2026-11-24", "level": "high", "logsource": {"product": "hinomi"}}  # fmt: skip
BASE = {"event.id": "e", "@timestamp": "2026-11-24T00:00:00.000000Z", "event.dataset": "x.y"}


def rule(number: int, text: str = "x", **more: Any) -> dict[str, Any]:
    detection = {"s": {"message|contains": text}, "condition": "s"}
    return {**HEAD, "id": f"00000000-0000-4000-8000-{number:012d}", "detection": detection, **more}


def hits(ruleset: Any, message: str) -> list[str]:
    return [info.id[-1] for _, info in ruleset.match([BASE | {"message": message}]).hits]


FAULTY: dict[str, tuple[Any, str]] = {
    "tab": ("title: x\n\tid: y\n", "tab.yml:2"),
    "anchor_bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", ""),
    "no_condition": ({**HEAD, "id": "00000000-0000-4000-8000-000000000091", "detection": {"s": {"message": "x"}}}, "condition"),
    "unknown_search": (rule(92) | {"detection": {"s": {"message": "x"}, "condition": "s and t"}}, "t"),
    "unknown_modifier": (rule(93) | {"detection": {"s": {"message|frobnicate": "x"}, "condition": "s"}}, "frobnicate"),
    "bad_regex": (rule(94) | {"detection": {"s": {"message|re": "(["}, "condition": "s"}}, ""),
    "look_behind": (rule(95) | {"detection": {"s": {"message|re": "(?<=a)b"}, "condition": "s"}}, ""),
    "bad_cidr": (rule(96) | {"detection": {"s": {"source.ip|cidr": "10.0.0.0/99"}, "condition": "s"}}, ""),
    "list": ("- 1\n- 2\n", "mapping"),
}  # fmt: skip


def test_a_faulty_file_is_named_and_holds_up_no_other(site: Any) -> None:
    site.write("good", rule(1))
    for name, (document, _) in FAULTY.items():
        site.write(name, document)
    ruleset = site.load().current()
    assert hits(ruleset, "x") == ["1"]
    for name, (_, said) in FAULTY.items():
        found = [fault for fault in ruleset.faults if f"{name}.yml" in fault.where]
        assert len(found) == 1, f"{name}: {ruleset.faults}"
        assert said in f"{found[0].where} {found[0].reason}"
        assert found[0].reason


def test_an_id_that_stands_twice_is_a_fault_and_names_both_files(site: Any) -> None:
    site.write("a", rule(1))
    site.write("b", rule(1, "y"))
    (fault,) = site.load().current().faults
    assert "a.yml" in fault.where + fault.reason
    assert "b.yml" in fault.where + fault.reason


def test_a_change_is_seen_and_gets_a_new_generation(site: Any) -> None:
    path = site.write("a", rule(1, "before"))
    rules = site.load()
    first = rules.current()
    assert hits(first, "before after") == ["1"]
    site.write("a", rule(1, "after, a new text"))
    site.write("b", rule(2, "before"))
    second = rules.current()
    assert second.generation > first.generation
    assert hits(second, "before") == ["2"]
    assert hits(second, "after, a new text") == ["1"]
    assert hits(first, "before") == ["1"]  # a set does not change under those who hold it
    path.unlink()
    assert hits(rules.current(), "after, a new text") == []


def test_a_set_that_was_replaced_is_gone(site: Any) -> None:
    site.write("a", rule(1, "before"))
    rules = site.load()
    first = rules.current()
    assert hits(first, "before") == ["1"]
    matcher = weakref.ref(first.matcher)
    del first
    site.write("a", rule(1, "after, a new text"))
    rules.current()
    gc.collect()
    assert matcher() is None


def test_a_start_does_not_import_pysigma(site: Any) -> None:
    site.write("a", rule(1))
    program = (
        "import sys; from pathlib import Path; from hinomi.detections import load; from hinomi.settings import Rules, Settings\n"
        f"s = Settings(data=Path({str(site.settings.data)!r}), rules=Rules(folders=(Path({str(site.folder)!r}),)))\n"
        "r = load(s).current(); print(len(r.rules), len(r.faults), 'sigma' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[-2].endswith("0 False")


def test_a_rule_that_fails_on_an_event_disables_itself_and_is_named(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def brittle(event: dict[str, Any]) -> list[str]:
        return [str(int(event["message"]))]  # no good for a text

    product = Product(
        route=lambda category, service: [(("event.dataset", "x.y"),)],
        names=lambda name, category, service: (name,),
        virtual={"brittle": brittle},
    )
    monkeypatch.setitem(fieldmaps._items, "brittle", product)
    detection = {"s": {"brittle": "7"}, "condition": "s"}
    site.write("a", rule(1, detection=detection, logsource={"product": "brittle"}), rule(2, "x"))
    ruleset = site.load().current()
    assert hits(ruleset, "7") == ["1"]
    result = ruleset.match([BASE | {"message": "x"}] * 2)
    assert [info.id[-1] for _, info in result.hits] == ["2", "2"]
    assert [fault.rule[-1] for fault in result.faults] == ["1"]
    assert "invalid literal" in result.faults[0].reason
    assert hits(ruleset, "7") == []


def test_only_shipped_and_named_rules_contain_by_themselves(site: Any) -> None:
    site.write("a", rule(1), rule(2))
    settings = site.settings.model_copy(
        update={"rules": Rules(shipped=False, folders=(site.folder,), contain=(rule(2)["id"],))}
    )
    found = load(settings).current().rules
    assert [found[rule(n)["id"]].contain for n in (1, 2)] == ["never", "auto"]


def test_an_alert_of_a_product_is_a_hit_by_itself(site: Any) -> None:
    site.write("a", rule(1))
    event = BASE | {
        "event.kind": "alert",
        "event.dataset": "defender.alert",
        "event.category": ["malware"],
        "log.level": "high",
        "rule.name": "Bad",
    }
    ((_, info),) = site.load().current().match([event]).hits
    assert isinstance(info, RuleInfo)
    assert (info.id, info.level, info.contain, info.title) == ("vendor:defender.alert", "critical", "auto", "Bad")


@pytest.mark.parametrize("dataset", ["crowdstrike.alert", "trend.alert"])
@pytest.mark.parametrize(
    ("more", "judged"),
    [
        ({"log.level": "high"}, ("critical", "malware", "auto")),
        ({"log.level": "critical", "event.category": ["intrusion_detection"]}, ("critical", "intrusion", "never")),
        ({"log.level": "medium"}, ("medium", "malware", "never")),
        ({"log.level": "high", "event.type": ["end"]}, ("critical", "malware", "never")),
        ({"log.level": "unheard of"}, ("medium", "malware", "never")),
    ],
)
def test_only_serious_malware_that_is_open_contains_by_itself(
    site: Any, dataset: str, more: dict[str, Any], judged: tuple[str, str, str]
) -> None:
    site.write("a", rule(1))
    event = BASE | {"event.kind": "alert", "event.dataset": dataset, "event.category": ["malware"], **more}
    ((_, info),) = site.load().current().match([event]).hits
    assert (info.level, info.category, info.contain) == judged


def test_user_of_one_event_kind_is_not_taken_for_that_of_another(site: Any) -> None:
    source = {"product": "windows", "service": "security"}
    site.write("a", {**rule(1), "logsource": source, "detection": {"s": {"TargetUserName": "sato"}, "condition": "s"}})
    ruleset = site.load().current()
    event = BASE | {"winlog.channel": "Security", "event.module": "windows", "user.name": "sato"}
    assert ruleset.match([event | {"event.code": "4624"}]).hits  # here the target is the user
    assert not ruleset.match([event | {"event.code": "4688"}]).hits  # here the subject is
