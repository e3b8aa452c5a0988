"""The language of the command line: chosen by the environment, read from a catalogue that needs no compiling."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hinomi.text import VARIABLES, language, read_catalogue

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "hinomi" / "locale" / "ja.po"


def said(*words: str, folder: Path, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-m", "hinomi", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env={**clean, "HOME": str(folder), "COLUMNS": "120", **environment}
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, ""), ({"LANG": "ja_JP.UTF-8"}, "ja"), ({"LANG": "C.UTF-8"}, "c"), ({"HINOMI_LANG": "en", "LANG": "ja_JP.UTF-8"}, "en"),
        ({"HINOMI_LANG": "", "LC_ALL": "ja", "LANG": "C"}, "ja"), ({"LANGUAGE": "ja:en", "LANG": "en_GB"}, "ja"), ({"LANG": "../../x"}, ""),
    ],
)  # fmt: skip
def test_the_first_variable_that_is_set_says_the_language(environment: dict[str, str], wanted: str) -> None:
    assert language(environment) == wanted


def test_a_catalogue_is_read_with_its_continued_lines_and_escapes() -> None:
    text = '# x\nmsgid ""\nmsgstr "Language: ja\\n"\n\n# y\nmsgid "a {b}"\nmsgstr ""\n"あ\\n"\n"「{b}」\\""\n'
    assert read_catalogue(text)["a {b}"] == 'あ\n「{b}」"'


def test_help_and_errors_are_in_japanese_where_the_environment_asks_for_it(tmp_path: Path) -> None:
    assert "警報の一覧・閲覧・対応。" in said("--help", folder=tmp_path, LANG="ja_JP.UTF-8")
    answer = said("alert", "list", folder=tmp_path, HINOMI_LANG="ja")
    assert "エラー：" in answer
    assert "設定ファイルが見つかりません" in answer


def test_english_wins_over_a_japanese_locale_when_it_is_asked_for(tmp_path: Path) -> None:
    answer = said("--help", folder=tmp_path, LANG="ja_JP.UTF-8", HINOMI_LANG="en")
    assert "List, read and answer alerts." in answer


def test_no_translation_is_of_what_the_program_does_not_say_and_each_keeps_its_places() -> None:
    spoken: set[str] = set()
    for file in (
        *(ROOT / "cli").rglob("*.py"),
        *(ROOT / "hinomi").glob("*.py"),
        ROOT / "hinomi" / "runtime" / "lock.py",
    ):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                spoken.add(" ".join((ast.get_docstring(node) or "").split()))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                spoken.add(node.value)
    catalogue = read_catalogue(CATALOGUE.read_text(encoding="utf-8"))
    assert [message for message in catalogue if message not in spoken] == []
    places = re.compile(r"\{\w*\}|--[a-z]+")
    assert [
        one for one, other in catalogue.items() if one and sorted(places.findall(one)) != sorted(places.findall(other))
    ] == []


@pytest.mark.parametrize(
    "noun", ["alert", "audit", "directory", "doctor", "host", "incident", "report", "rule", "run", "serve", "source"]
)
def test_the_nouns_that_operators_use_most_are_translated(noun: str) -> None:
    package = ROOT / "cli" / "nouns" / noun
    file = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    catalogue = read_catalogue(CATALOGUE.read_text(encoding="utf-8"))
    (command,) = [
        node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef) and node.name == "command"
    ]  # fmt: skip
    assert " ".join((ast.get_docstring(command) or "").split()) in catalogue
