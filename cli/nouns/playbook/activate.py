"""``hinomi playbook activate``: draft, shadow, simulate or live."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.output import show_done
from hinomi.text import _

ACTIVATE = "playbook activate external-malware --mode live --reason 'drill of 11/20 passed'"


@click.command(
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
def command(client: Client, playbook: str, mode: str, reason: str, fmt: str) -> None:
    """Set the mode; runs that are under way keep theirs."""
    outcome = client.post(f"playbooks/{playbook}/activate", {"mode": mode, "reason": reason})
    show_done(outcome, fmt, f"{playbook}: {mode}")
