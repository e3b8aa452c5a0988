"""``hinomi playbook``: what runs when."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, listed, reasoned
from hinomi.cli.output import say, show, show_one
from hinomi.text import _


@click.group(
    "playbook",
    epilog=_("Example:  hinomi playbook activate external-malware --mode live --reason 'drill of 11/20 passed'"),
)
def command() -> None:
    """List, read and activate playbooks."""


@command.command("list")
@listed
@configured
def list_(client: Client, fmt: str) -> None:
    """List playbooks with their mode."""
    show(client.get("playbooks")["items"], ("id", "version", "mode", "title", "steps", "sha256"), fmt)


@command.command("show")
@click.argument("playbook")
@listed
@configured
def show_(client: Client, playbook: str, fmt: str) -> None:
    """Show one playbook as it is pinned."""
    shown = client.get(f"playbooks/{playbook}")
    if fmt == "table":
        click.echo(shown["body"])
    else:
        show_one(shown, fmt)


@command.command("activate")
@click.argument("playbook")
@click.option(
    "--mode",
    required=True,
    type=click.Choice(["draft", "shadow", "simulate", "live"]),
    help=_("live acts; shadow and simulate only plan."),
)
@reasoned
@configured
def activate(client: Client, playbook: str, mode: str, reason: str) -> None:
    """Set the mode; runs that are under way keep theirs."""
    client.post(f"playbooks/{playbook}/activate", {"mode": mode, "reason": reason})
    say(f"{playbook}: {mode}")
