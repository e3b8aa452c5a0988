"""``hinomi playbook``: what runs when."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.output import show, show_done, show_one
from hinomi.text import _

ACTIVATE = "playbook activate external-malware --mode live --reason 'drill of 11/20 passed'"


@click.group("playbook", epilog=examples("playbook list", ACTIVATE))
def command() -> None:
    """List, read and activate playbooks."""


@command.command("list", epilog=examples("playbook list", "playbook list -o json"))
@listed
@configured
def list_(client: Client, fmt: str) -> None:
    """List playbooks with their mode."""
    show(client.get("playbooks")["items"], ("id", "version", "mode", "title", "steps", "sha256"), fmt)


@command.command(
    "show", epilog=examples("playbook show external-malware", "playbook show external-malware > external-malware.yml")
)
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


@command.command(
    "activate",
    epilog=examples(ACTIVATE, "playbook activate external-malware --mode shadow --reason 'too many false alarms'"),
)
@click.argument("playbook")
@click.option(
    "--mode",
    required=True,
    type=click.Choice(["draft", "shadow", "simulate", "live"]),
    help=_("live acts; shadow and simulate only plan."),
)
@reasoned
@listed
@configured
def activate(client: Client, playbook: str, mode: str, reason: str, fmt: str) -> None:
    """Set the mode; runs that are under way keep theirs."""
    outcome = client.post(f"playbooks/{playbook}/activate", {"mode": mode, "reason": reason})
    show_done(outcome, fmt, f"{playbook}: {mode}")
