"""``hinomi audit``: who exported which file, and does the chain still hold."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show, show_one
from hinomi.errors import ConfigError, IntegrityError
from hinomi.text import _

COLUMNS = (
    "when", "name", "user", "role", "school", "file", "class", "channel", "destination", "verdict", "host", "former_names",
)  # fmt: skip


@click.group(
    "audit",
    epilog=_("Examples:  hinomi audit query --file 成績一覧.xlsx --since 30d  ·  hinomi audit verify"),
)
def command() -> None:
    """Answer auditors, and prove that the record is whole."""


def _asked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parts of the question."""
    for option in (
        click.option("--until", default="now", show_default=True, help=_("The same, exclusive.")),
        click.option("--since", default="30d", show_default=True, help=_("2h, 30d, 2026-11-19 or 令和8年11月19日.")),
        click.option(
            "--class", "file_class", type=click.Choice(["I", "II", "III", "IV"]), help=_("Class of the file.")
        ),
        click.option("--channel", type=click.Choice(["usb", "web", "mail", "print", "share"]), help=_("How it left.")),
        click.option("--user", help=_("Person id, account, mail address or name.")),
        click.option("--file", "file", help=_("Name or path, or a part of it.")),
    ):
        function = option(function)
    return function


@command.command("query")
@_asked
@listed
@configured
def query(client: Client, fmt: str, **asked: str | None) -> None:
    """Say who took which file out, and what was looked at to say so."""
    body = {name: value for name, value in asked.items() if value is not None}
    if fmt in ("csv", "jsonl"):
        content = client.call("POST", "audit/query", body={**body, "format": fmt}, raw=True)
        click.echo(content, nl=False)
        return
    answer = client.post("audit/query", body)
    if fmt == "json":
        show_one(answer, "json")
        return
    if answer["items"]:
        show(answer["items"], COLUMNS, fmt)
    say(answer["text"])


@command.command(
    "export",
    epilog=examples("audit export ./answer --file 成績一覧.xlsx --since 30d", "audit export ./answer --user sato"),
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@_asked
@configured
def export(client: Client, folder: Path, **asked: str | None) -> None:
    """Write the answer as a BagIt folder that verifies with sha256sum -c on the auditor's own PC."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            "there is something in this folder",
            where=folder,
            hint="name a new one: an answer is not mixed with another",
        )
    body = {name: value for name, value in asked.items() if value is not None}
    content = client.call("POST", "audit/query", body={**body, "format": "bag"}, raw=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder)
    say((folder / "data" / "coverage.txt").read_text(encoding="utf-8").rstrip())
    say(_("written to {folder}; to check it there: sha256sum -c manifest-sha256.txt").format(folder=folder))


@command.command("verify")
@click.option(
    "--head", multiple=True, metavar="COUNT:HASH", help=_("A head that a report printed; may be given again.")
)
@listed
@configured
def verify(client: Client, fmt: str, head: tuple[str, ...]) -> None:
    """Walk the whole chain and hold every seal against it; exit 7 and the first bad record if it fails."""
    verdict = client.get("audit/verify", head=head)
    show_one({k: v for k, v in verdict.items() if v not in (None, "", [])}, fmt)
    if not verdict["ok"]:
        first = verdict["first_bad"]
        what = [f"record {first}: {verdict['reason']}"] if first else []
        what += [verdict["seal_reason"]] if verdict["seal_reason"] else []
        raise IntegrityError(
            f"the audit chain does not hold: {'; '.join(what)}",
            hint="keep the data folder as it is, and compare with a copy",
        )


@command.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help=_("Rows of one page."))
@click.option("--cursor", help=_("Go on where the last page ended."))
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None) -> None:
    """List what was done, newest first."""
    show(
        client.get("audit/records", limit=limit, cursor=cursor)["items"],
        ("seq", "at", "actor", "act", "object", "detail"),
        fmt,
    )
