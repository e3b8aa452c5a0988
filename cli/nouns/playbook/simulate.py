"""``hinomi playbook simulate``: what would happen, step by step, with nothing sent."""

from typing import TYPE_CHECKING, Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import config_of, examples, listed
from hinomi.cli.output import say, show
from hinomi.cli.playbooks import read_playbook, rehearsing
from hinomi.errors import ConfigError
from hinomi.text import _

if TYPE_CHECKING:
    from hinomi.playbooks.rehearsal import Given

COLUMNS = ("at", "step", "what", "outcome", "who", "due", "detail")


@click.command(
    "simulate",
    epilog=examples(
        "playbook simulate external-malware.yml --facts severity=critical --facts protected=true",
        "playbook simulate external-malware.yml --incident 12 --answer confirm=false_positive",
    ),
)  # fmt: skip
@click.argument("playbook", metavar="FILE|ID")
@click.option(
    "--facts",
    multiple=True,
    metavar="K=V",
    help=_("What is so: the keys of `given` in a test, such as protected=true."),
)
@click.option("--incident", default="", help=_("Number or id: what is so there, and who; --config says where."))
@click.option("--alert", default="", help=_("The incident of this alert."))
@click.option(
    "--answer", "answers", multiple=True, metavar="STEP=CHOICE", help=_("What is chosen; else the first choice.")
)
@click.option(
    "--nobody-answers", "nobody", is_flag=True, help=_("See reminders and escalations: nobody answers anything.")
)
@listed
@click.pass_context
def command(
    ctx: click.Context,
    playbook: str,
    facts: tuple[str, ...],
    incident: str,
    alert: str,
    answers: tuple[str, ...],
    nobody: bool,
    fmt: str,
) -> int:
    """Play a playbook on the real engine with paper products: who would be told and asked, by when, and which acts would be sent.

    Everybody answers after a minute. Exit 1 if the playbook would not start.
    """
    rehearsing()
    if facts and (incident or alert):
        raise click.UsageError(_("either --facts, or --incident or --alert"))
    read, body = read_playbook(playbook, config_of(ctx))
    chosen = _pairs(answers, "--answer")
    if incident or alert:
        asked = {"body": body, "incident": incident, "alert": alert, "answers": chosen, "nobody": nobody}
        found = Client(config_of(ctx)).post("playbooks/simulate", asked)
    else:
        from hinomi.playbooks.rehearsal.telling import simulate
        from hinomi.reports.paper import PaperBuilder

        found = simulate(read, body, _given(_pairs(facts, "--facts")), chosen, PaperBuilder, nobody=nobody)
    show(found["happenings"], COLUMNS, fmt)
    for problem in found["problems"]:
        say(problem)
    say(_("nothing was sent"))
    return 0 if found["happenings"] else 1


def _pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(_("{option} {text}: write KEY=VALUE").format(option=option, text=text))
        found[key.strip()] = value.strip()
    return found


def _given(facts: dict[str, Any]) -> "Given":
    from pydantic import ValidationError

    from hinomi.playbooks.engine.model import schema_faults
    from hinomi.playbooks.rehearsal import Given

    known = {**facts, **({"nobody": facts["nobody"].split(",")} if "nobody" in facts else {})}
    try:
        return Given.model_validate(known)
    except ValidationError as error:
        fault = next(iter(schema_faults(error, Given)))
        raise ConfigError(
            f"--facts {fault.what}", hint=fault.remedy or _("docs/reference/playbooks.md lists them")
        ) from error
