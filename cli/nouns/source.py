"""``hinomi source``: the doors."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, listed
from hinomi.cli.output import show
from hinomi.text import _


@click.group("source", epilog=_("Example:  hinomi source list -o json"))
def command() -> None:
    """See what is received."""


@command.command("list")
@listed
@configured
def list_(client: Client, fmt: str) -> None:
    """List sources with what came through them since `serve` was started."""
    show(
        client.get("sources")["items"],
        ("name", "kind", "formats", "tenant", "trusted", "records", "bytes", "last", "waiting"),
        fmt,
    )
