"""``hinomi playbook lint``: what is wrong or unwise in playbooks, without carrying anything out."""

from pathlib import Path

import click

from hinomi.cli.linting import leveled, show_findings
from hinomi.cli.options import config_of, examples, listed
from hinomi.cli.playbooks import known_names
from hinomi.text import _


@click.command(
    "lint",
    epilog=examples("playbook lint my-playbooks/", "playbook lint lost-device.yml --config hinomi.toml --level error -o json"),
)  # fmt: skip
@click.argument("places", nargs=-1, required=True, metavar="FILE|DIR...", type=click.Path(path_type=Path))
@leveled(_("error: only what keeps a step from doing what it says."))
@listed
@click.pass_context
def command(ctx: click.Context, places: tuple[Path, ...], level: str, fmt: str) -> int:
    """Look playbooks over: file, line and column, what it is, what to do. Exit 1 if there is anything.

    With --config, also whether somebody holds the roles that are asked, school by school.
    """
    from hinomi.playbooks.linting import lint

    return show_findings(lint(places, known_names(config_of(ctx))), level, "playbook", fmt)
