"""``hinomi playbook list``: what runs when."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import show


@click.command("list", epilog=examples("playbook list", "playbook list -o json"))
@listed
@configured
def command(client: Client, fmt: str) -> None:
    """List playbooks with their mode."""
    show(client.get("playbooks")["items"], ("id", "version", "mode", "title", "steps", "sha256"), fmt)
