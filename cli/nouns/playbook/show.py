"""``hinomi playbook show``: one playbook, as it is in service."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import show_one


@click.command(
    "show", epilog=examples("playbook show external-malware", "playbook show external-malware > external-malware.yml")
)
@click.argument("playbook")
@listed
@configured
def command(client: Client, playbook: str, fmt: str) -> None:
    """Show one playbook as it is pinned."""
    shown = client.get(f"playbooks/{playbook}")
    if fmt == "table":
        click.echo(shown["body"])
    else:
        show_one(shown, fmt)
