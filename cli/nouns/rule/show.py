"""``hinomi rule show``: one rule, and the exceptions on it."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import show_one


@click.command("show", epilog=examples("rule show personal_data_leaves", "rule show personal_data_leaves -o json"))
@click.argument("rule")
@listed
@configured
def command(client: Client, rule: str, fmt: str) -> None:
    """Show one rule, by its id or name, and the exceptions on it: owner, reason, last day, whether it applies."""
    show_one(client.get(f"rules/{rule}"), fmt)
