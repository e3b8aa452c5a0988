"""``hinomi rule remove``: a pack that goes, and can come back."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.output import say
from hinomi.cli.switching import switch
from hinomi.text import _


@click.command(
    "remove",
    epilog=examples("rule remove sigmahq --reason 'replaced by our own'", "rule remove old newer --reason 'tidied up'"),
)
@click.argument("packs", nargs=-1, required=True)
@reasoned
@listed
@configured
def command(client: Client, fmt: str, packs: tuple[str, ...], reason: str) -> None:
    """Remove packs; for 30 days `hinomi rule enable` brings them back."""
    switch(client, packs, "remove", reason, fmt, only_packs=True)
    say(_("to bring it back: hinomi rule enable {name} --reason …").format(name=packs[0]))
