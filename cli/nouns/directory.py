"""``hinomi directory``: tenants, people, devices, class rules."""

from collections.abc import Mapping
from pathlib import Path

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show, show_done
from hinomi.text import _

COLUMNS = {
    "tenants": ("path", "name", "kind"),
    "people": ("id", "tenant", "name", "role", "accounts"),
    "devices": ("id", "tenant", "name", "asset_no", "owner", "protected", "vendors"),
    "rules": ("tenant", "kind", "pattern", "file_class"),
}


@click.group("directory", epilog=examples("directory import ./lists --dry-run", "directory show people -o csv"))
def command() -> None:
    """Import and show who and what there is."""


@command.command("import", epilog=examples("directory import ./lists --dry-run", "directory import ./lists -o json"))
@click.argument("folder", type=click.Path(file_okay=False))
@click.option("--dry-run", is_flag=True, help=_("Read everything, say what is wrong, import nothing."))
@listed
@configured
def import_(client: Client, folder: str, dry_run: bool, fmt: str) -> None:
    """Import tenants.csv, people.csv, devices.csv, class_rules.csv; all or nothing, every fault with its row."""
    from hinomi.directory.importing import import_files, read_folder, text_of

    files = read_folder(Path(folder))
    found = import_files(files, Path(folder))
    if dry_run:
        counted = {name: len(getattr(found, name)) for name in COLUMNS}
        show_done(counted, fmt, _("would import {counts}").format(counts=_counts(counted)))
        return
    outcome = client.post("directory", {"files": {name: text_of(data) for name, data in files.items()}})
    show_done(
        outcome, fmt, _("version {version}: {counts}").format(version=outcome["version"], counts=_counts(outcome))
    )


def _counts(counted: Mapping[str, int]) -> str:
    return _("{tenants} tenants, {people} people, {devices} devices, {rules} class rules").format(**counted)


@command.command("show", epilog=examples("directory show people", "directory show devices -o csv"))
@click.argument("what", type=click.Choice(sorted(COLUMNS)), default="devices")
@listed
@configured
def show_(client: Client, what: str, fmt: str) -> None:
    """Show one list of the newest version."""
    found = client.get("directory")
    show(found[what], COLUMNS[what], fmt)
    say(_("version {version}").format(version=found["version"]))
