"""``hinomi rule enable``: what was switched off runs again."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.switching import switch


@click.command(
    "enable",
    epilog=examples(
        "rule enable sigmahq --reason 'drill is over'", "rule enable personal_data_leaves --reason 'mended'"
    ),
)
@click.argument("names", nargs=-1, required=True)
@reasoned
@listed
@configured
def command(client: Client, fmt: str, names: tuple[str, ...], reason: str) -> None:
    """Switch a pack or a rule on again; a removed pack comes back."""
    switch(client, names, "enable", reason, fmt)
