"""``hinomi killswitch``: stop all acts on devices."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.output import show_done
from hinomi.text import _


@click.group(
    "killswitch",
    epilog=examples("killswitch on --reason 'entrance examination'", "killswitch off --reason 'examination is over'"),
)
def command() -> None:
    """Switch all acts on devices off or on again; detection and messages go on."""


def _switch(client: Client, on: bool, reason: str, fmt: str) -> None:
    outcome = client.post("killswitch", {"on": on, "reason": reason})
    show_done(outcome, fmt, _("kill switch: {state}").format(state="on" if on else "off"))


@command.command(
    "on",
    epilog=examples("killswitch on --reason 'entrance examination'", "killswitch on --reason 'false alarms' -o json"),
)
@reasoned
@listed
@configured
def on(client: Client, reason: str, fmt: str) -> None:
    """From now on nothing is done to devices; what would be done waits for approval."""
    _switch(client, True, reason, fmt)


@command.command(
    "off",
    epilog=examples("killswitch off --reason 'examination is over'", "killswitch off --reason 'rule mended' -o json"),
)
@reasoned
@listed
@configured
def off(client: Client, reason: str, fmt: str) -> None:
    """Acts on devices are allowed again."""
    _switch(client, False, reason, fmt)
