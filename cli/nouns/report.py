"""``hinomi report``: the reports, their forms and their PDFs."""

from pathlib import Path

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, paged
from hinomi.cli.output import say, show, show_done, show_one, show_page
from hinomi.errors import ConfigError
from hinomi.text import _

COLUMNS = (
    "number", "incident_number", "kind", "state", "author_role", "due_at", "submitted_at", "sent_at", "path",
)  # fmt: skip
ABOUT = (
    "number", "rev", "title", "incident_number", "state", "author_role", "author_name", "opened_at", "due_at", "submitted_at", "sent_at",
    "path", "sha256",
)  # fmt: skip
PDF, EDIT = "report show 2026-0001 --pdf out.pdf", "report edit 2026-0001 root_cause='添付ファイルのマクロ'"


@click.group("report", epilog=examples(PDF, EDIT))
def command() -> None:
    """List, read, write and submit reports."""


@command.command("list", epilog=examples("report list --state draft", "report list --incident 1 -o json"))
@click.option("--incident", help=_("Number or id."))
@click.option("--kind", help=_("first_response, infection, final"))
@click.option("--state", type=click.Choice(["draft", "submitted", "sent"]), help=_("Only these."))
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, **filters: str | None) -> None:
    """List reports, newest first."""
    show_page(client.get("reports", limit=limit, cursor=cursor, **filters), COLUMNS, fmt)


@command.command("show", epilog=examples("report show 2026-0001 -o json", PDF))
@click.argument("number")
@click.option("--pdf", type=click.Path(dir_okay=False), help=_("Write the PDF here."))
@listed
@configured
def show_(client: Client, number: str, pdf: str | None, fmt: str) -> None:
    """Show one report; --pdf writes its PDF."""
    if pdf:
        Path(pdf).write_bytes(client.call("GET", f"reports/{number}/pdf", raw=True))
        say(_("written: {path}").format(path=pdf))
        return
    report = client.get(f"reports/{number}")
    if fmt != "table":
        show_one(report, fmt)
        return
    show_one({name: report[name] for name in ABOUT if report[name]}, fmt)
    say("")
    answers = [{**field, "text": field["value"]} for field in report["form"]]
    show(answers, ("section", "label", "text", "carried"), fmt)


def _answers(fields: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=TEXT …; one that is not is named before anything is asked of the server."""
    wrong = [field for field in fields if "=" not in field]
    if wrong:
        raise ConfigError(f"{wrong[0]!r} is not NAME=TEXT", hint="hinomi report edit NUMBER lists the fields")
    return dict(field.split("=", 1) for field in fields)


@command.command("edit", epilog=examples("report edit 2026-0001", EDIT))
@click.argument("number")
@click.argument("fields", nargs=-1)
@listed
@configured
def edit(client: Client, number: str, fields: tuple[str, ...], fmt: str) -> None:
    """Fill in fields: NAME=TEXT …; without any, list the fields."""
    if answers := _answers(fields):
        client.post(f"reports/{number}/fields", {"fields": answers})
    show(client.get(f"reports/{number}")["form"], ("name", "label", "required", "value"), fmt)


@command.command(
    "submit",
    epilog=examples("report submit 2026-0001", "report submit 2026-0001 root_cause='添付ファイルのマクロ' -o json"),
)
@click.argument("number")
@click.argument("fields", nargs=-1)
@listed
@configured
def submit(client: Client, number: str, fields: tuple[str, ...], fmt: str) -> None:
    """Submit a report to those who receive it, with the answers given here (NAME=TEXT …)."""
    outcome = client.post(f"reports/{number}/submit", {"fields": _answers(fields)})
    show_done(outcome, fmt, _("submitted: {number}").format(number=number))
