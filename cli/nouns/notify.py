"""``hinomi notify``: do messages arrive, and do clicks come back?"""

import time

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show
from hinomi.text import _

COLUMNS = ("channel", "role", "to", "ok", "answer")
EVERY = 0.5


@click.group("notify", epilog=examples("notify test --role operator_lead", "notify test --interactive"))
def command() -> None:
    """Try the channels by which people are told."""


@command.command(
    "test", epilog=examples("notify test --role operator_lead --role operator", "notify test --interactive --wait 60")
)
@click.option("--role", "roles", multiple=True, help=_("A role to write to; without it, the rooms alone."))
@click.option("--tenant", default="", help=_("Where holders of the roles are looked for; without it, the operator's."))
@click.option("--interactive", is_flag=True, help=_("Send a button, and wait until somebody has clicked it."))
@click.option("--wait", "seconds", default=120.0, show_default=True, help=_("Longest wait for the click, in seconds."))
@listed
@configured
def test(client: Client, fmt: str, roles: tuple[str, ...], tenant: str, interactive: bool, seconds: float) -> int:
    """Send one marked message by each channel; exit 1 if one did not take it, or no click came."""
    sent = client.post("notify/test", {"roles": list(roles), "tenant": tenant, "interactive": interactive})
    show(sent["items"], COLUMNS, fmt)
    failed = not all(row["ok"] for row in sent["items"])
    if interactive and not sent["id"]:
        say(_("no channel has buttons: set [channels.slack] signing_secret or app_token"))
        return 1
    if interactive and not failed:
        failed = not _clicked(client, sent["id"], seconds)
    return 1 if failed else 0


def _clicked(client: Client, trial: str, seconds: float) -> bool:
    """Wait for a click; say whose it was, or what to look at."""
    say(_("waiting for somebody to click the button …"))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = client.get(f"notify/test/{trial}")
        if found["by"]:
            say(_("clicked by {by}: {person} ({role})").format(**found))
            return True
        time.sleep(EVERY)
    say(_("no click came: does Slack reach /slack/interactions (or is Socket Mode on), and is the member mapped?"))
    return False
