"""What a newcomer sees: every verb is there, says how it is used, and its examples are commands that exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from hinomi.cli.main import cli

#: Issue text, part 17. `audit` has its own tests.
VERBS = {
    "demo": "", "drill": "", "init": "", "serve": "", "doctor": "", "help": "", "alert": "list show ack assign close", "incident": "list show open link note decide close",
    "approval": "list approve deny", "receipt": "list note", "host": "list state isolate release", "playbook": "list show activate",
    "run": "list show pause resume retry skip", "rule": "list show test regression add enable disable remove lint try explain stats coverage", "detect": "", "hunt": "", "report": "list show edit submit", "events": "search show",
    "source": "list", "format": "list try", "directory": "import show", "notify": "test", "key": "create list revoke", "killswitch": "on off",
}  # fmt: skip
COMMANDS = [" ".join((noun, verb)).strip() for noun, verbs in VERBS.items() for verb in ("", *verbs.split())]
NO_ROWS = {"demo", "drill", "init", "serve", "help", "format try"}
"""Commands whose answer is no rows: no -o."""


def found(words: str) -> tuple[click.Command, click.Context]:
    command: click.Command = cli
    context = click.Context(cli, info_name="hinomi")
    for word in words.split():
        assert isinstance(command, click.Group)
        below = command.get_command(context, word)
        assert below is not None, f"hinomi {words} does not exist"
        command, context = below, click.Context(below, info_name=word, parent=context)
    return command, context


def examples(help_text: str) -> list[str]:
    return re.findall(r"^ +hinomi (.*)$", help_text.partition("Examples:")[2], re.M)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_help_has_two_examples_that_are_commands(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()  # a folder that an example names
    command, context = found(words)
    lines = examples(command.get_help(context))
    assert len(lines) >= 2
    for line in lines:
        parse(shlex.split(re.sub(r" > \S+$", "", line)))


def parse(words: list[str]) -> None:
    """Read a command line as click would, without running anything."""
    command: Any = cli
    context = command.make_context("hinomi", words, resilient_parsing=False)
    while isinstance(command, click.Group):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_takes_config_and_o(words: str) -> None:
    command, _ = found(words)
    options = {option for param in command.params for option in param.opts}
    assert "--config" in options
    if not isinstance(command, click.Group) and words not in NO_ROWS:
        assert {"-o", "--output"} <= options


def test_the_first_help_names_every_noun(hinomi: Any) -> None:
    said = hinomi("--help")
    assert said.code == 0
    for noun in VERBS:
        assert re.search(rf"^  {noun}\b", said.out, re.M), noun


def test_the_first_help_loads_no_store_and_no_server() -> None:
    asked = "import sys; from hinomi.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert {"sqlalchemy", "deltalake", "fastapi", "hinomi.state"} & set(done.stderr.split()) == set()


def test_the_settings_file_may_be_named_by_the_environment(hinomi: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINOMI_CONFIG", "/nowhere/hinomi.toml")
    said = hinomi("alert", "list")
    assert (said.code, said.out) == (2, "")
    assert "/nowhere/hinomi.toml: no such settings file" in said.err
    assert "hinomi init DIR" in said.err


def test_exit_codes_are_explained(hinomi: Any) -> None:
    said = hinomi("help", "exit-codes")
    assert [int(line.split()[0]) for line in said.out.splitlines()] == [0, 1, 2, 3, 4, 5, 6, 7, 130]


WRONG = [
    "nonsense", "alert nonsense", "alert list --nonsense", "alert list -o xml", "alert list --limit 0", "alert ack 1",
    "alert close 1 --reason r", "host isolate PC-0101", "killswitch on", "format try nonsense nowhere.csv",
    "format try skysea.operation nowhere.csv", "alert list --config nowhere.toml",
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage_ends_with_2_and_a_word_on_what_to_do(hinomi: Any, words: str) -> None:
    said = hinomi(*words.split())
    assert (said.code, said.out) == (2, "")
    assert said.err.strip()
    assert "Traceback" not in said.err
