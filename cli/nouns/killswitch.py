"""``hinomi killswitch``: stop all acts on devices."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, reasoned
from hinomi.cli.output import say
from hinomi.text import _


@click.group("killswitch", epilog=_("Example:  hinomi killswitch on --reason 'entrance examination'"))
def command() -> None:
    """Switch all acts on devices off or on again; detection and messages go on."""


def _switch(client: Client, on: bool, reason: str) -> None:
    client.post("killswitch", {"on": on, "reason": reason})
    say(_("kill switch: {state}").format(state="on" if on else "off"))


@command.command("on")
@reasoned
@configured
def on(client: Client, reason: str) -> None:
    """From now on nothing is done to devices; what would be done waits for approval."""
    _switch(client, True, reason)


@command.command("off")
@reasoned
@configured
def off(client: Client, reason: str) -> None:
    """Acts on devices are allowed again."""
    _switch(client, False, reason)
