"""``hinomi rule``: what is detected. A verb is a module of this package."""

import click

from hinomi.cli.modules import Modules
from hinomi.cli.options import examples


@click.group("rule", cls=Modules, package=__name__, epilog=examples("rule list --faults", "rule test", "rule coverage"))
def command() -> None:
    """List, write, try and explain rules; switch packs of them on and off."""
