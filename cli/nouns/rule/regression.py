"""``hinomi rule regression``: sigmaHQ's own regression tests."""

from pathlib import Path

import click

from hinomi.cli.options import examples, listed
from hinomi.cli.output import errors_only, say, show
from hinomi.text import _


@click.command("regression", epilog=examples("rule regression sigma/", "rule regression sigma/ --all -o csv"))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help=_("Print the tests that pass, too."))
@listed
def command(folder: Path, fmt: str, every: bool) -> int:
    """Run the regression tests of a tree in SigmaHQ's layout. Exit 1 if one fails; the last line counts."""
    from hinomi.detections.offline import regression

    errors_only()
    outcomes = list(regression.run(folder))
    here = [outcome for outcome in outcomes if outcome.ok is not None]
    rows = [outcome._asdict() for outcome in here if every or not outcome.ok or outcome.why]
    if rows or fmt != "table":
        show(rows, ("ok", "rule", "title", "wanted", "found", "why", "file"), fmt)
    if len(here) < len(outcomes):
        say(_("{count} tests that rules name are not here").format(count=len(outcomes) - len(here)))
    passed = sum(bool(outcome.ok) for outcome in here)
    click.echo(_("{passed} of {count} passed").format(passed=passed, count=len(here)), err=fmt != "table")
    return 0 if passed == len(here) else 1
