"""``hinomi rule lint``: what is wrong or unwise in rule files, offline."""

from pathlib import Path

import click

from hinomi.cli.linting import leveled, show_findings
from hinomi.cli.options import examples, listed
from hinomi.cli.output import errors_only
from hinomi.text import _


@click.command("lint", epilog=examples("rule lint my_rule.yml", "rule lint rules/ --level error -o csv"))
@click.argument("places", nargs=-1, required=True, metavar="FILE|DIR...", type=click.Path(path_type=Path))
@click.option(
    "--rules",
    "more",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("Files or folders that they refer to; not looked at themselves."),
)
@leveled(_("error: only what keeps a rule from running."))
@listed
def command(places: tuple[Path, ...], more: tuple[Path, ...], level: str, fmt: str) -> int:
    """Look rules over without running them: file and line, what it is, what to do. Exit 1 if there is anything."""
    from hinomi.detections.linting import lint

    errors_only()
    return show_findings(lint(places, more), level, "rule", fmt)
