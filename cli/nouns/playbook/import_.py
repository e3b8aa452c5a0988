"""``hinomi playbook import``: a CACAO playbook as one of ours."""

import json
from pathlib import Path
from typing import Any

import click

from hinomi.cli.options import examples
from hinomi.cli.output import say
from hinomi.errors import ConfigError
from hinomi.text import _


@click.command(
    "import", epilog=examples("playbook import theirs.json", "playbook import theirs.json > my-playbooks/theirs.yml")
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Print a CACAO 2.0 playbook (JSON) as YAML. What hinomi cannot express is kept under foreign: until it is gone, it cannot go live."""
    from hinomi.playbooks import cacao
    from hinomi.playbooks.writing import as_yaml

    try:
        playbook = cacao.read(_document(file), str(file))
    except RecursionError as error:
        raise ConfigError("nested too deeply", where=file) from error
    click.echo(as_yaml(playbook), nl=False)
    for entry in playbook.foreign:
        say(f"{entry.step or '-'}: {entry.id}: {entry.why}")
    say(
        _("{steps} steps, {count} things that hinomi cannot express").format(
            steps=len(playbook.steps), count=len(playbook.foreign)
        )
    )


def _document(file: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        ConfigError: If it is none; names line and column.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"), parse_constant=_no_number)
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 at byte {error.start}", where=file, hint=_("save it as UTF-8")) from error
    except ValueError as error:
        line = f"{file}:{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else str(file)
        raise ConfigError(f"not JSON: {error}", where=line) from error
    return document


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")
