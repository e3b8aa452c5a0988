"""``hinomi source``: the doors."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import show

COLUMNS = ("name", "kind", "formats", "tenant", "trusted", "records", "bytes", "last", "waiting", "dropped")


@click.group("source", epilog=examples("source list", "source list -o json"))
def command() -> None:
    """See what is received."""


@command.command("list", epilog=examples("source list", "source list -o csv > sources.csv"))
@listed
@configured
def list_(client: Client, fmt: str) -> None:
    """List sources with what came through them since `serve` was started."""
    show(client.get("sources")["items"], COLUMNS, fmt)
