"""CACAO 2.0: ours go out and come back equal, as the specification has it; of others nothing is lost, and nothing acts."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hinomi.errors import ConfigError, Faults
from hinomi.playbooks import cacao
from hinomi.playbooks.cacao.naming import EXTENSION, identifier
from hinomi.playbooks.engine.model import Playbook, parse
from hinomi.playbooks.writing import as_yaml

LIBRARY = sorted(Path(str(files("hinomi.playbooks") / "library")).glob("*.yml"))
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
WHO = "identity--6b0d5f6e-0d3a-4c1e-8a55-1f2e3d4c5b6a"


def shipped(path: Path) -> Playbook:
    return parse(path.read_text(encoding="utf-8"), path)


def there_and_back(playbook: Playbook) -> Playbook:
    return cacao.read(json.loads(json.dumps(cacao.write(playbook, NOW))), "x.json")


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_a_shipped_playbook_comes_back_equal(path: Path) -> None:
    playbook = shipped(path)
    assert there_and_back(playbook) == playbook
    assert parse(as_yaml(there_and_back(playbook)), "y.yml") == playbook


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_an_export_is_the_same_each_time_and_every_branch_ends(path: Path) -> None:
    document = cacao.write(shipped(path), NOW)
    assert document == cacao.write(shipped(path), NOW)
    workflow = document["workflow"]
    ends = [
        key
        for key, step in workflow.items()
        if step["type"] == "parallel"
        for branch in step["next_steps"]
        for key in walk(workflow, branch)
    ]
    assert len(ends) == len(set(ends)), "each branch of a parallel step has an end of its own"
    assert walk(workflow, document["workflow_start"]) != []
    assert set(reached(workflow, document["workflow_start"])) == set(workflow), "every step is reached from the start"


def walk(workflow: dict[str, Any], key: str) -> list[str]:
    """Return the ends of one branch, those of branches inside it apart."""
    step = workflow[key]
    if step["type"] == "end":
        return [key]
    return sorted(
        {
            end
            for name in ("on_completion", "on_success", "on_failure")
            if name in step
            for end in walk(workflow, step[name])
        }
    )


def reached(workflow: dict[str, Any], key: str) -> Iterator[str]:
    seen, todo = {key}, [key]
    while todo:
        step = workflow[todo.pop()]
        leads = [
            step[name] for name in ("on_completion", "on_success", "on_failure", "on_true", "on_false") if name in step
        ]
        for other in {*leads, *step.get("next_steps", ())} - seen:
            seen.add(other)
            todo.append(other)
    yield from seen


def test_the_flow_of_the_shipped_playbook_is_one_that_others_can_follow() -> None:
    document = cacao.write(shipped(next(path for path in LIBRARY if path.stem == "external-malware")), NOW)
    workflow = document["workflow"]
    assert (document["spec_version"], document["type"]) == ("cacao-2.0", "playbook")
    isolate = workflow[workflow[document["workflow_start"]]["on_completion"]]
    assert (isolate["name"], isolate["timeout"], isolate["commands"][0]["playbook_activity"]) == (
        "isolate",
        900_000,
        "disconnect-system",
    )
    assert workflow[isolate["on_failure"]]["name"] == "page_operator"
    beside = workflow[isolate["on_success"]]
    assert [workflow[key]["name"] for key in beside["next_steps"]] == ["tell_teacher", "first_response", "confirm"]
    condition = next(step for step in workflow.values() if step["type"] == "if-condition")
    assert condition["condition"] == "__confirm__:value = 'true_positive'"
    approval = next(step for step in workflow.values() if step.get("name") == "approve release")
    assert workflow[approval["on_success"]]["name"] == "release"
    assert document["agent_definitions"][approval["agent"]]["name"] == "operator"


def test_what_somebody_else_has_changed_is_kept_and_keeps_it_from_going_live() -> None:
    document = cacao.write(shipped(LIBRARY[0]), NOW)
    key = next(key for key, step in document["workflow"].items() if step["type"] == "action")
    document["workflow"][key]["timeout"] = 1
    document["note"] = "hand-made"
    found = cacao.read(document, "x.json")
    assert {entry.id: entry.kept for entry in found.foreign} == {key: document["workflow"][key], "note": "hand-made"}
    assert "cannot express" in found.strange()


def test_an_extension_without_a_playbook_is_refused() -> None:
    document = cacao.write(shipped(LIBRARY[0]), NOW)
    document["playbook_extensions"][EXTENSION] = {"order": []}
    with pytest.raises(ConfigError, match="holds no playbook"):
        cacao.read(document, "x.json")


# --- of others ------------------------------------------------------------------------------------------


def action(name: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "action",
        "name": name,
        "agent": identifier("organization", "soc"),
        "commands": [{"type": "bash", "command": f"./{name}.sh"}],
        **more,
    }


def foreign(**workflow: dict[str, Any]) -> dict[str, Any]:
    """Return a playbook of somebody else; steps are named by what stands here, and lead to each other by it."""
    keys = {name: identifier(step["type"], name) for name, step in workflow.items()}

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(one) for one in value]
        return keys.get(value, value) if isinstance(value, str) else value

    leads = ("on_completion", "on_success", "on_failure", "on_true", "on_false", "next_steps")
    steps = {
        keys[name]: {key: named(value) if key in leads else {case: keys[to] for case, to in value.items()} if key == "cases" else value
                     for key, value in step.items()}
        for name, step in workflow.items()
    }  # fmt: skip
    return {
        "type": "playbook", "spec_version": "cacao-2.0", "id": identifier("playbook", "theirs"), "name": "Block a domain", "created_by": WHO,
        "created": "2025-01-21T14:14:23.263Z", "modified": "2025-01-22T14:14:23.263Z", "labels": ["theirs"],
        "workflow_start": keys["start"], "workflow": steps,
        "agent_definitions": {identifier("organization", "soc"): {"type": "organization", "name": "SOC"}},
    }  # fmt: skip


START, END = {"type": "start", "on_completion": "look"}, {"type": "end"}


def test_of_a_foreign_playbook_everything_is_kept_and_its_order_is_what_people_do() -> None:
    document = foreign(
        start=START, look=action("Look it up", on_success="both", on_failure="tell", timeout=90_000),
        both={"type": "parallel", "next_steps": ["block", "ask"], "on_completion": "done"}, block=action("Block", on_completion="e1"),
        ask={"type": "if-condition", "name": "Known?", "condition": "__x__:value = 'y'", "on_true": "warn", "on_false": "e2", "on_completion": "e3"},
        warn=action("Warn", on_completion="e4"), tell=action("Tell", on_completion="e5"), done=action("Report 報告", on_completion="end"),
        e1=END, e2=END, e3=END, e4=END, e5=END, end=END,
    )  # fmt: skip
    whole = json.loads(json.dumps(document))
    found = cacao.read(document, "theirs.json")
    assert document == whole, "reading changes nothing"
    assert (found.id, found.mode, found.title["en"]) == ("block-a-domain", "draft", "Block a domain")
    steps = {step.id: step for step in found.steps}
    assert {name: (step.after, step.condition) for name, step in steps.items()} == {
        "look_it_up": ([], None),
        "block": (["look_it_up"], "look_it_up == done"),
        "known": (["look_it_up"], "look_it_up == done"),
        "warn": (["known"], "look_it_up == done and known == yes"),
        "report": (["block", "known", "warn"], "look_it_up == done"),
        "tell": (["look_it_up"], "look_it_up == not_possible"),
    }
    assert steps["look_it_up"].due is not None
    assert steps["look_it_up"].due.total_seconds() == 90
    kept = {entry.id: entry.kept for entry in found.foreign}
    assert all(
        kept[key] == step for key, step in whole["workflow"].items() if step["type"] in ("action", "if-condition")
    )
    assert kept[whole["id"]]["labels"] == ["theirs"]
    assert there_and_back(found) == found


def test_a_loop_is_kept_and_not_followed() -> None:
    document = foreign(
        start=START, look=action("look", on_completion="again"), again=action("again", on_completion="look")
    )
    found = cacao.read(document, "x.json")
    assert [step.id for step in found.steps] == ["look", "again"]
    assert any("a loop" in entry.why for entry in found.foreign)


def test_a_switch_and_a_while_become_choices_of_people() -> None:
    switch = {
        "type": "switch-condition",
        "name": "Colour",
        "switch": "__c__",
        "cases": {"red hot": "fix", "default": "e1"},
        "on_completion": "loop",
    }
    loop = {
        "type": "while-condition",
        "name": "Until",
        "condition": "__n__:value < 3",
        "on_true": "wait",
        "on_completion": "end",
    }
    document = foreign(start={**START, "on_completion": "colour"}, colour=switch, fix=action("fix", on_completion="e2"), loop=loop,
                       wait=action("wait", on_completion="e3"), e1=END, e2=END, e3=END, end=END)  # fmt: skip
    steps = {step.id: step for step in cacao.read(document, "x.json").steps}
    assert steps["colour"].decide == ["red_hot", "default"]
    assert (steps["fix"].condition, steps["wait"].condition) == ("colour == red_hot", "until == done")


@pytest.mark.parametrize("name", ["colour", "action"])
def test_what_the_specification_does_not_name_is_kept(name: str) -> None:
    document = foreign(start=START, look=action("look", on_completion="end", **{name: "red"}), end=END)
    kept = {entry.id: entry.kept for entry in cacao.read(document, "x.json").foreign}
    assert kept[f"workflow.{identifier('action', 'look')}.{name}"] == "red"


def changed(path: str, value: Any) -> dict[str, Any]:
    document = foreign(start=START, look=action("look", on_completion="end"), end=END)
    place: Any = document
    *keys, last = (
        path.replace("LOOK", identifier("action", "look")).replace("SOC", identifier("organization", "soc")).split("/")
    )
    for key in keys:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("type", "bundle", "no CACAO playbook"), ("spec_version", "1.0", "is not read"), ("name", None, "name: Field required"),
        ("created_by", "me", "created_by"), ("created", "2025-01-21", "created"), ("created", "2026-01-21T14:14:23.263Z", "modified is before"),
        ("severity", 101, "severity"), ("workflow_start", identifier("start", "x"), "no start step"), ("agent_definitions", {}, "not in agent_definitions"),
        ("workflow/LOOK/commands", [], "commands"), ("workflow/LOOK/commands", [{"type": "manual"}], "command or command_b64"),
        ("workflow/LOOK/on_completion", identifier("end", "x"), "no step of the workflow"),
        ("workflow/LOOK/on_success", identifier("end", "end"), "goes with neither"), ("agent_definitions/SOC/type", "group", "is the key of an object"),
        ("workflow/LOOK/type", "jump", "jump"), ("workflow/LOOK/agent", None, "agent: Field required"),
        ("workflow/LOOK/step_extensions", {identifier("extension-definition", "x"): {}}, "not in extension_definitions"),
        ("workflow/LOOK/timeout", "soon", "timeout"),
    ],
)  # fmt: skip
def test_what_is_not_as_the_specification_has_it_is_named(path: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        cacao.read(changed(path, value), "x.json")
    assert said in str(raised.value)
    faults = raised.value.faults if isinstance(raised.value, Faults) else [raised.value]
    assert all(fault.where == "x.json" for fault in faults)


# --- any playbook ---------------------------------------------------------------------------------------

WORD = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
DURATION = st.builds(lambda n, unit: f"{n}{unit}", st.integers(1, 999_999), st.sampled_from(["ms", "s", "m", "h"]))
ROLE = st.sampled_from(["operator", "board", "teacher"])
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"), max_size=12
)


@st.composite
def playbooks(draw: Any) -> Playbook:
    names = draw(st.lists(WORD.filter(lambda name: name != "incident"), min_size=1, max_size=9, unique=True))
    steps: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        on_path = [step for step in steps if not step.get("off_path")]
        step: dict[str, Any] = {"id": name, **draw(KINDS)}
        if number and not on_path:
            step["after"] = []
        elif on_path and draw(st.booleans()):
            step["after"] = draw(st.lists(st.sampled_from([one["id"] for one in on_path]), unique=True, max_size=3))
        if on_path and draw(st.booleans()):
            asked = draw(st.sampled_from(on_path))["id"]
            step["if"] = draw(st.sampled_from([f"{asked} == yes", f"incident.severity != low and {asked} == no"]))
        if number and draw(st.integers(0, 4)) == 0:
            step = {key: value for key, value in step.items() if key not in ("after", "if")} | {"off_path": True}
        off = [one["id"] for one in steps if one.get("off_path")]
        if off and draw(st.booleans()):
            step["on_failure"] = draw(st.sampled_from(off))
        steps.append(step)
    found = {
        "playbook": 1, "id": "p", "version": draw(TEXT), "title": {"ja": draw(TEXT), "en": draw(TEXT)}, "steps": steps,
        "match": draw(st.sampled_from([{}, {"cause": "external"}, {"category": ["malware", "policy"], "tenant": "a/b"}])),
        "mode": draw(st.sampled_from(["draft", "shadow", "simulate", "live"])), "tests": draw(st.sampled_from([[], [{"name": "t", "expect": []}]])),
    }  # fmt: skip
    playbook = Playbook.model_validate(found)
    return parse(as_yaml(playbook), "drawn.yml")


KINDS = st.one_of(
    st.fixed_dictionaries({"do": st.sampled_from(["endpoint.isolate", "acme.shake"]), "target": st.just("incident.endpoint")},
                          optional={"verify": st.fixed_dictionaries({"state": st.just("isolated"), "within": DURATION}),
                                    "approve": st.fixed_dictionaries({"role": ROLE}, optional={"quorum": st.integers(1, 5), "due": DURATION})}),
    st.fixed_dictionaries({"notify": ROLE, "template": WORD},
                          optional={"copy": ROLE, "receipt": st.fixed_dictionaries({"due": DURATION}, optional={"remind": st.lists(DURATION, max_size=2)})}),
    st.fixed_dictionaries({"report": WORD, "by": ROLE, "to": ROLE, "due": DURATION}, optional={"flow": st.integers(1, 11)}),
    st.fixed_dictionaries({"decide": st.lists(TEXT, min_size=1, max_size=3), "by": ROLE, "due": DURATION},
                          optional={"on_timeout": st.sampled_from(["escalate", "continue", "fail"])}),
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(playbooks())
def test_any_playbook_comes_back_equal(playbook: Playbook) -> None:
    document = cacao.write(playbook, NOW)
    assert cacao.read(json.loads(json.dumps(document)), "x.json") == playbook
    assert parse(as_yaml(playbook), "y.yml") == playbook
    assert set(reached(document["workflow"], document["workflow_start"])) == set(document["workflow"])
