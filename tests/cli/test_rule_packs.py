"""`hinomi rule add|list|enable|disable|remove`: packs and single rules, audited, on a folder that nothing serves."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

RULE = """title: Rule %d
id: 00000000-0000-4000-8000-00000000000%d
name: rule_%d
level: high
logsource: {product: hinomi}
detection: {selection: {message|contains: copy}, condition: selection}
"""


@pytest.fixture
def ask(hinomi: Any, tmp_path: Path) -> Any:
    (tmp_path / "hinomi.toml").write_text('data = "data"\n[rules]\nshipped = false\n')
    return lambda *words: hinomi(*words, "--config", str(tmp_path / "hinomi.toml"))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "School Rules"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number}.yml").write_text(RULE % (number, number, number))
    (folder / "bad.yml").write_text((RULE % (3, 3, 3)).replace("condition: selection", "condition: nothing"))
    return folder


def rows(said: Any) -> list[dict[str, Any]]:
    assert said.code == 0, said.err
    return json.loads(said.out)  # type: ignore[no-any-return]  # of JSON


def test_a_pack_is_looked_at_before_it_is_brought(ask: Any, pack: Path) -> None:
    said = ask("rule", "add", str(pack), "--reason", "look", "--dry-run", "-o", "json")
    (fault,) = rows(said)
    assert fault["where"] == "school-rules:bad.yml:6"
    assert "'nothing'" in fault["reason"]
    assert "3 files, 2 rules, 1 faults; nothing was done" in said.err
    assert rows(ask("rule", "list", "--packs", "-o", "json")) == []
    assert rows(ask("rule", "list", "-o", "json")) == []


def test_what_is_brought_runs_and_is_switched_with_a_reason_that_is_audited(
    ask: Any, pack: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "school.tar.gz"
    with tarfile.open(packed, "w:gz") as made:
        made.add(pack, "rules")
    assert ask("rule", "add", str(packed), "--reason", "November").code == 0
    (shown,) = rows(ask("rule", "list", "--packs", "-o", "json"))
    assert (shown["name"], shown["state"], shown["files"], shown["reason"]) == ("school", "enabled", 3, "November")
    listed = ask("rule", "list", "-o", "json")
    assert [(row["id"][-1], row["pack"]) for row in rows(listed)] == [("1", "school"), ("2", "school")]
    assert "1 rules could not be loaded" in listed.err
    (fault,) = rows(ask("rule", "list", "--faults", "-o", "json"))
    assert fault["where"] == "school:rules/bad.yml:6"

    assert ask("rule", "disable", "rule_1", "--reason", "noisy").code == 0
    assert [row["id"][-1] for row in rows(ask("rule", "list", "-o", "json"))] == ["2"]
    (off,) = rows(ask("rule", "list", "--off", "-o", "json"))
    assert (off["title"], off["reason"]) == ("Rule 1", "noisy")
    assert ask("rule", "enable", off["id"], "--reason", "mended").code == 0
    for act, left in (("disable", 0), ("enable", 2), ("remove", 0), ("enable", 2)):
        said = ask("rule", act, "school", "--reason", act)
        assert said.code == 0, said.err
        assert len(rows(ask("rule", "list", "-o", "json"))) == left, act

    records = [json.loads(line) for line in ask("audit", "list", "-o", "jsonl").out.splitlines()]
    acts = [(record["act"], record["object"], record["detail"]["reason"]) for record in records if record["act"].startswith(("pack", "rule"))]  # fmt: skip
    assert ("pack.add", "pack:school", "November") in acts
    assert ("rule.disable", f"rule:{off['id']}", "noisy") in acts
    assert ("pack.remove", "pack:school", "remove") in acts


def test_a_pack_that_cannot_be_trusted_is_refused_and_named(ask: Any, pack: Path, tmp_path: Path) -> None:
    packed = tmp_path / "slip.tar"
    with tarfile.open(packed, "w") as made:
        made.add(pack / "1.yml", "../../outside.yml")
    said = ask("rule", "add", str(packed), "--reason", "r")
    assert said.code == 2
    assert "slip.tar: '../../outside.yml' leads outside" in said.err
    assert not (tmp_path.parent / "outside.yml").exists()


def test_an_id_that_is_there_already_is_said(ask: Any, pack: Path) -> None:
    assert ask("rule", "add", str(pack), "--name", "one", "--reason", "r").code == 0
    said = ask("rule", "add", str(pack), "--name", "two", "--reason", "r")
    assert "2 rules are there already" in said.err
    assert len(rows(ask("rule", "list", "-o", "json"))) == 2


@pytest.mark.parametrize("words", [("disable", "nobody"), ("enable", "nobody"), ("remove", "nobody")])
def test_what_is_not_there_is_named(ask: Any, words: tuple[str, str]) -> None:
    said = ask("rule", *words, "--reason", "r")
    assert said.code == 1
    assert "'nobody'" in said.err


def test_a_name_that_is_none_is_refused(ask: Any, pack: Path) -> None:
    assert ask("rule", "add", str(pack), "--name", "../x", "--reason", "r").code == 2
