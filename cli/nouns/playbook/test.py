"""``hinomi playbook test``: the `tests:` of playbooks, on the real engine and paper products."""

from pathlib import Path

import click

from hinomi.cli.options import examples, listed
from hinomi.cli.output import inert, say, show
from hinomi.cli.playbooks import rehearsing
from hinomi.text import _


@click.command("test", epilog=examples("playbook test", "playbook test my-playbooks/ -o json"))
@click.argument("places", nargs=-1, metavar="FILE|DIR...", type=click.Path(path_type=Path))
@listed
def command(places: tuple[Path, ...], fmt: str) -> int:
    """Play the tests of playbooks; without files, of the shipped ones. Nothing is sent. Exit 1 if one fails."""
    from importlib.resources import files

    from hinomi.playbooks.engine.model import read
    from hinomi.playbooks.engine.places import Text
    from hinomi.playbooks.linting import playbook_files
    from hinomi.playbooks.rehearsal import Rehearsals, cases_of, judge
    from hinomi.reports.paper import PaperBuilder

    rehearsing()
    named = places or (Path(str(files("hinomi.playbooks") / "library")),)
    verdicts = []
    for path in dict.fromkeys(file for place in named for file in playbook_files(place)):
        playbook, body = read(path)
        cases = cases_of(playbook, Text(body, path))
        if not cases:
            say(_("{file}: no tests").format(file=path))
        with Rehearsals(playbook, body, PaperBuilder) as rehearsals:
            verdicts += [(playbook.id, judge(case, where, rehearsals.case(case))) for where, case in cases]
    failed = [verdict for _name, verdict in verdicts if not verdict.ok]
    if fmt == "table":
        for verdict in failed:
            click.echo(inert("\n    ".join([f"{verdict.where}: {verdict.name}", *verdict.differs])))
    else:
        rows = [
            {"playbook": name, "test": v.name, "ok": v.ok, "where": v.where, "why": v.differs} for name, v in verdicts
        ]
        show(rows, ("playbook", "test", "ok", "where", "why"), fmt)
    say(_("{passed} of {count} passed").format(passed=len(verdicts) - len(failed), count=len(verdicts)))
    return 1 if failed else 0
