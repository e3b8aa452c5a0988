"""``hinomi rule disable``: a pack or a rule that is to rest."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.switching import switch


@click.command(
    "disable",
    epilog=examples(
        "rule disable sigmahq --reason 'too many false alarms'",
        "rule disable personal_data_leaves --reason 'being mended'",
    ),
)
@click.argument("names", nargs=-1, required=True)
@reasoned
@listed
@configured
def command(client: Client, fmt: str, names: tuple[str, ...], reason: str) -> None:
    """Switch a pack or a rule off; nothing of it is deleted."""
    switch(client, names, "disable", reason, fmt)
