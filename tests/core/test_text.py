"""The language of the command line: chosen by the environment, read from a catalogue that needs no compiling."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hinomi.cli.main import cli
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


def test_the_help_of_every_command_is_translated() -> None:
    catalogue = read_catalogue(CATALOGUE.read_text(encoding="utf-8"))
    helps, open_ = {}, [("hinomi", click.Context(cli))]
    while open_:
        name, context = open_.pop()
        helps[name] = " ".join((context.command.help or "").split())
        if isinstance(context.command, click.Group):
            below = {
                verb: context.command.get_command(context, verb) for verb in context.command.list_commands(context)
            }
            open_ += [
                (f"{name} {verb}", click.Context(found, parent=context)) for verb, found in below.items() if found
            ]
    assert len(helps) > 90
    assert [name for name, text in helps.items() if text not in catalogue and text not in catalogue.values()] == []
