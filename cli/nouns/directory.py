"""``hinomi directory``: tenants, people, devices, class rules."""

import getpass
from pathlib import Path

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, listed
from hinomi.cli.output import say, show
from hinomi.text import _


@click.group("directory", epilog=_("Example:  hinomi directory import ./lists --dry-run"))
def command() -> None:
    """Import and show who and what there is."""


@command.command("import")
@click.argument("folder", type=click.Path(file_okay=False))
@click.option("--dry-run", is_flag=True, help=_("Read everything, say what is wrong, import nothing."))
@configured
def import_(client: Client, folder: str, dry_run: bool) -> None:
    """Import tenants.csv, people.csv, devices.csv, class_rules.csv; all or nothing, every fault with its row."""
    from hinomi.audit import head
    from hinomi.audit.seals import Seals
    from hinomi.clock import SystemClock
    from hinomi.directory import save
    from hinomi.directory.importing import import_folder
    from hinomi.settings import load_settings
    from hinomi.state import State

    directory = import_folder(Path(folder))
    counts = f"{len(directory.tenants)} tenants, {len(directory.people)} people, {len(directory.devices)} devices, {len(directory.rules)} class rules"
    if dry_run:
        say(_("would import {counts}").format(counts=counts))
        return
    settings = load_settings(client.config)
    state, now = State(settings.state_url), SystemClock().now()
    state.migrate()
    with state.write() as conn:
        version = save(conn, directory, f"local:{getpass.getuser()}", now)
    with state.read() as conn:
        Seals(settings.data).write(head(conn), now)
    state.close()
    say(_("version {version}: {counts}").format(version=version, counts=counts))


COLUMNS = {
    "tenants": ("path", "name", "kind"),
    "people": ("id", "tenant", "name", "role", "accounts"),
    "devices": ("id", "tenant", "name", "asset_no", "owner", "protected", "vendors"),
    "rules": ("tenant", "kind", "pattern", "file_class"),
}


@command.command("show")
@click.argument("what", type=click.Choice(sorted(COLUMNS)), default="devices")
@listed
@configured
def show_(client: Client, what: str, fmt: str) -> None:
    """Show one list of the newest version."""
    found = client.get("directory")
    show(found[what], COLUMNS[what], fmt)
    say(_("version {version}").format(version=found["version"]))
