"""What commands have in common: ``--config`` anywhere, ``-o``, examples, and how to ask before acting."""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.output import FORMATS, say
from hinomi.errors import ConfigError
from hinomi.text import _, translated


def configured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``client``, which asks the installation that --config names."""

    @functools.wraps(function)
    def run(**given: Any) -> Any:
        return function(client=Client(config_of(click.get_current_context())), **given)

    return run


def config_of(ctx: click.Context) -> str | None:
    """Return the --config that was given, before or after the verb; the last one counts."""
    return (ctx.find_root().obj or {}).get("config")


def everywhere(command: click.Command) -> click.Command:
    """Let a command and all its verbs take --config, and say their help in the user's language."""
    if (help_text := translated(command.help)) != command.help:
        command.help = command.short_help = help_text
    if not any(param.name == "config" for param in command.params):
        help_text = _("Settings file (hinomi.toml).")
        command.params.append(
            click.Option(
                ["--config"],
                type=click.Path(dir_okay=False),
                expose_value=False,
                callback=_keep_config,
                help=help_text,
            )
        )
    for verb in command.commands.values() if isinstance(command, click.Group) else ():
        everywhere(verb)
    return command


def _keep_config(ctx: click.Context, _param: click.Parameter, given: str | None) -> None:
    if given:
        ctx.find_root().ensure_object(dict)["config"] = given


def examples(*lines: str) -> str:
    """Return the examples at the end of a command's help, one a line."""
    return "\b\n" + _("Examples:") + "".join(f"\n  hinomi {line}" for line in lines)


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


def fail_on(ranks: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a list ``--fail-on``, as ``worst``: the least rank at which it ends with exit code 3."""
    return click.option(
        "--fail-on", "worst", type=click.Choice(ranks), help=_("Exit 3 if a row shown is this bad or worse.")
    )


def reasoned(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give an act ``--reason``, which goes into the audit."""
    return click.option("--reason", required=True, help=_("Why; kept in the audit."))(function)


def confirm(name: str, about: str) -> None:
    """Say what would be acted on, and have its name typed; only a terminal can be asked.

    Raises:
        ConfigError: If there is no terminal, or another name was typed.
    """
    if not sys.stdin.isatty():
        raise ConfigError(_("this acts on {name}: {about}").format(name=name, about=about),
                          hint=_("give --yes, or --dry-run to see the request"))  # fmt: skip
    say(about)
    if click.prompt(_("Type {name} to go on").format(name=name), err=True).strip() != name:
        raise ConfigError(_("another name was typed; nothing was done"))
