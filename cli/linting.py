"""What `rule lint` and `playbook lint` share: how much is asked for, and how what is found is shown."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import click

from hinomi.cli.output import inert, say, show
from hinomi.text import _

COLUMNS = ("where", "level", "what", "remedy")


def leveled(errors: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command ``level``; ``errors`` says what is left with ``error``."""
    return click.option(
        "--level", type=click.Choice(["error", "warning"]), default="warning", show_default=True, help=errors
    )


def show_findings(found: Iterable[NamedTuple], level: str, about: str, fmt: str) -> int:
    """Print what is found (`COLUMNS`, and in which rule or playbook), and count it; return 1 if there is anything, else 0."""
    rows = [row for row in (one._asdict() for one in found) if level in ("warning", row["level"])]
    if fmt == "table":
        for row in rows:
            click.echo(inert(f"{row['where']}: {row['level']}: {row['what']}\n    {row['remedy']}"))
    else:
        show(rows, (*COLUMNS, about), fmt)
    errors = sum(row["level"] == "error" for row in rows)
    say(_("{errors} errors, {warnings} warnings").format(errors=errors, warnings=len(rows) - errors))
    return 1 if rows else 0
