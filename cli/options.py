"""Options that every command has: ``--config`` after the verb too, ``-o``, and how to ask before acting."""

import functools
import sys
from collections.abc import Callable
from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.output import FORMATS
from hinomi.errors import ConfigError
from hinomi.text import _


def configured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``client``, made from --config before or after the verb."""

    @click.option("--config", "own_config", type=click.Path(dir_okay=False), help=_("Settings file (hinomi.toml)."))
    @functools.wraps(function)
    def run(own_config: str | None, **given: Any) -> Any:
        return function(client=Client(config_of(click.get_current_context(), own_config)), **given)

    return run


def config_of(ctx: click.Context, own: str | None) -> str | None:
    """Return the --config that was given, before or after the verb."""
    root = ctx.find_root().obj or {}
    return own or root.get("config")


def listed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``-o``, as ``fmt``."""
    return click.option(
        "-o", "--output", "fmt", type=click.Choice(FORMATS), default="table", show_default=True, help=_("How to print.")
    )(function)


def paged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a list ``--limit`` and ``--cursor``."""
    for option in (
        click.option("--cursor", help=_("Go on where the last page ended.")),
        click.option(
            "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help=_("Rows of one page.")
        ),
    ):
        function = option(function)
    return function


def reasoned(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give an act ``--reason``, which goes into the audit."""
    return click.option("--reason", required=True, help=_("Why; kept in the audit."))(function)


def confirm(name: str, *, yes: bool) -> None:
    """Have the name typed on a terminal; elsewhere --yes is needed.

    Raises:
        ConfigError: If there is no terminal and no --yes, or another name was typed.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            _("this acts on {name}").format(name=name), hint=_("give --yes, or --dry-run to see the request")
        )
    if click.prompt(_("Type {name} to go on").format(name=name), err=True) != name:
        raise ConfigError(_("another name was typed; nothing was done"))
