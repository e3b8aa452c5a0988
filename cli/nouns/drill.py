"""``hinomi drill``: the flow practised on one's own directory and playbooks; nothing real is touched."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.drill.options import AUTO, LIMIT, PACE, PEOPLE, Options
from hinomi.cli.options import configured, examples
from hinomi.text import _

FLOWS = ("external", "lost-device", "missent")


@click.command(
    "drill",
    epilog=examples(
        "drill --flow external --dry-run",
        "drill --flow external --for kita/aoba/higashi-es",
        "drill --flow external --delay teacher=45 --delay board=never",
        "drill --flow lost-device --choose wipe",
        "drill --flow external --as-played people --send-mail --listen 0.0.0.0:8410 --url https://drill.soc.example",
    ),
)
@click.option("--flow", type=click.Choice(FLOWS), required=True, help=_("What has happened."))
@click.option("--for", "tenant", default="", metavar="TENANT/SCHOOL", help=_("Whose drill it is; default: any school."))
@click.option("--device", default="", help=_("Whose PC it is; default: one with an owner, by the seed."))
@click.option(
    "--as-played", "played_by", type=click.Choice([AUTO, PEOPLE]), default=AUTO, show_default=True,
    help=_("auto: roles answer by themselves; people: real persons open the links."),
)  # fmt: skip
@click.option(
    "--delay", "delays", multiple=True, metavar="ROLE=MIN|never",
    help=_("When a played role answers, in minutes of the playbook."),
)  # fmt: skip
@click.option(
    "--choose", "choices", multiple=True, metavar="CHOICE",
    help=_("What played roles choose where they may; default: the first choice."),
)  # fmt: skip
@click.option(
    "--pace",
    type=click.FloatRange(1, 3600),
    help=_("How many times faster people's deadlines pass; default 60 (a minute is a second), with people 1."),
)
@click.option(
    "--limit",
    type=click.FloatRange(0, min_open=True),
    metavar="MIN",
    help=_("End after so many minutes; default 15, with people 480."),
)
@click.option("--seed", type=int, default=1, show_default=True, help=_("Which PC, and who takes how long."))
@click.option(
    "--send-mail",
    "send",
    is_flag=True,
    help=_("Write to the real people, by the mail and channels of the settings; all of it is marked 訓練."),
)
@click.option(
    "--listen",
    default="",
    metavar="HOST:PORT",
    help=_("Where the drill's pages listen; default: a free port of this machine."),
)
@click.option("--url", default="", metavar="URL", help=_("Address of those pages in the links."))
@click.option(
    "--directory",
    "lists",
    type=click.Path(file_okay=False, path_type=Path),
    help=_("CSV files to use instead of the imported directory."),
)
@click.option(
    "--keep", type=click.Path(file_okay=False), help=_("New folder for everything; default hinomi-drill-DATE here.")
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, writable=True), help=_("Write the score as JSON here too.")
)
@click.option("--plain", is_flag=True, help=_("Print lines instead of a live screen."))
@click.option("--dry-run", is_flag=True, help=_("Say what it would be; start nothing."))
@configured
def command(
    client: Client, keep: str | None, json_file: str | None, plain: bool, dry_run: bool, delays: Sequence[str], choices: Sequence[str],
    pace: float | None, limit: float | None, played_by: str, **given: Any,
) -> int:  # fmt: skip
    """Practise a flow: your directory and playbooks, simulated products, everything marked 訓練, a score sheet at the end."""
    from hinomi.cli.drill.play import play

    if given["send"] and played_by != PEOPLE:
        raise click.UsageError(_("--send-mail writes to real people: give --as-played people too"))
    if given["send"] and not given["url"]:
        raise click.UsageError(_("--send-mail needs --url: links to this machine's loopback open nowhere else"))
    options = Options(
        played_by=played_by, pace=pace or PACE[played_by], limit=limit or LIMIT[played_by], delays=dict(map(_delay, delays)),
        choices=tuple(choices), **given,
    )  # fmt: skip
    return play(client, options, plain=plain, keep=keep, json_file=json_file, dry_run=dry_run)


def _delay(given: str) -> tuple[str, float | None]:
    role, _sign, text = given.partition("=")
    from hinomi.directory import GROUPS, ROLES  # late: it loads the state store, and every help this module

    known = (*ROLES, *GROUPS)
    if role not in known:
        raise click.BadParameter(
            _("no role {role!r}; known are {known}").format(role=role, known=", ".join(known)), param_hint="--delay"
        )
    if text == "never":
        return role, None
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes < 1e6:
        raise click.BadParameter(
            _("{given!r}: write ROLE=MINUTES or ROLE=never").format(given=given), param_hint="--delay"
        )
    return role, minutes
