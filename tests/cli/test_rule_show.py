"""A rule's page: what it is, and the exceptions on it, with how long they hold."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hinomi.clock import JST

RULE = """title: Suspicious copy
id: 11111111-2222-4333-8444-555555555555
name: copy
level: high
logsource: {product: hinomi}
detection: {selection: {message|contains: copy}, condition: selection}
"""
FILTER = """title: Backup of the night
id: %s
logsource: {product: hinomi}
filter: {rules: [copy], selection: {message|contains: backup}, condition: not selection}
hinomi: {owner: 情報担当, reason: 夜間バックアップ, until: %s, tenants: [kita/aoba]}
"""


@pytest.fixture
def ask(hinomi: Any, tmp_path: Path) -> Any:
    (tmp_path / "rules").mkdir()
    (tmp_path / "hinomi.toml").write_text('data = "data"\n[rules]\nfolders = ["rules"]\n')
    (tmp_path / "rules" / "copy.yml").write_text(RULE)
    for days in (-1, 3, 30):
        until = (datetime.now(JST).date() + timedelta(days=days)).isoformat()
        (tmp_path / "rules" / f"filter{days}.yml").write_text(FILTER % (f"f{days}", until))
    return lambda *words: hinomi(*words, "--config", str(tmp_path / "hinomi.toml"))


def test_a_rule_is_shown_by_name_with_the_exceptions_on_it(ask: Any) -> None:
    shown = ask("rule", "show", "copy", "-o", "json")
    assert shown.code == 0, shown.err
    page = json.loads(shown.out)
    assert page["title"] == "Suspicious copy"
    assert page["where"].endswith("copy.yml")
    assert {item["id"]: item["state"] for item in page["exceptions"]} == {"f-1": "ended", "f3": "ends soon", "f30": "applies"}  # fmt: skip
    assert {(item["owner"], item["reason"], tuple(item["tenants"])) for item in page["exceptions"]} == {("情報担当", "夜間バックアップ", ("kita/aoba",))}  # fmt: skip
    table = ask("rule", "show", "11111111-2222-4333-8444-555555555555").out
    assert "夜間バックアップ" in table
    assert "ends soon" in table


def test_the_list_says_which_exceptions_end_soon_and_which_have_ended(ask: Any) -> None:
    said = ask("rule", "list")
    assert said.code == 0
    assert "ends within 14 days: hinomi rule show 11111111" in said.err
    assert "has ended and no longer applies" in said.err


def test_a_rule_that_is_not_there_is_named(ask: Any) -> None:
    said = ask("rule", "show", "no such rule")
    assert said.code != 0
    assert "'no such rule'" in said.err
