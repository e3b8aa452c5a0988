"""``hinomi hunt``: rules over what is stored."""

from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show
from hinomi.clock import SystemClock, parse_iso
from hinomi.errors import HinomiError
from hinomi.text import _

COLUMNS = ("level", "timestamp", "host", "title", "event_id", "tenant", "rule_id")


@click.command(
    "hunt",
    epilog=examples(
        'hunt "Encoded PowerShell" --since 30d',
        "hunt --all --since 7d -o jsonl",
        'hunt RULE --raise --reason "looking back"',
    ),
)
@click.argument("rules", nargs=-1)
@click.option("--all", "every", is_flag=True, help=_("Every rule that is loaded."))
@click.option("--since", default="30d", show_default=True, help=_("2h, 30d, 2026-11-19 or 令和8年11月19日."))
@click.option("--until", default="now", show_default=True, help=_("The same, exclusive."))
@click.option("--raise", "raising", is_flag=True, help=_("Make alerts of the hits; they never start a playbook."))
@click.option("--reason", default="", help=_("Why; kept in the audit. Needed with --raise."))
@listed
@configured
def command(
    client: Client, fmt: str, rules: tuple[str, ...], every: bool, since: str, until: str, raising: bool, reason: str
) -> int:
    """Match rules, named by id or a part of their title, with events of the past. Ctrl-C ends it."""
    if bool(rules) == every:
        raise click.UsageError(_("name rules, or give --all"))
    if raising and not reason:
        raise click.UsageError(_("--raise needs --reason"))
    names = [row["id"] for row in client.get("rules")["items"]] if every else list(rules)
    return hunted(client, {"rules": names, "since": since, "until": until, "raise": raising, "reason": reason}, fmt)


def hunted(client: Client, body: dict[str, Any], fmt: str) -> int:
    """Hunt, show hits and how far it is, and say what it came to."""
    hits: list[dict[str, Any]] = []
    done: dict[str, Any] | None = None
    with Progress() as progress:
        for line in client.stream("hunts", body):
            if "hit" in line:
                show([line["hit"]], COLUMNS, "jsonl") if fmt == "jsonl" else hits.append(line["hit"])
            elif "upto" in line:
                progress.upto(line["upto"])
            elif "fault" in line:
                say(_("rule {rule} was left out: {reason}").format(**line["fault"]))
            elif "error" in line:
                raise HinomiError(line["error"])
            done = line.get("done", done)
    if fmt != "jsonl":
        show(hits, COLUMNS, fmt)
    if done is None:
        raise HinomiError(_("the answer ended before the hunt did"), hint=_("look at the server's log"))
    say(
        _("{events} events looked at, {hits} hits, {alerts} alerts raised; window {since} to {until}").format(
            since=body["since"], until=body["until"], **done
        )
    )
    return 0


class Progress:
    """Shows on a terminal how far the window has been read."""

    def __enter__(self) -> "Progress":
        from rich.console import Console
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._bar = Bar(console=console, transient=True, disable=not console.is_terminal)
        self._bar.start()
        self._task = self._bar.add_task(_("hunting"), total=None)
        self._first = ""
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def upto(self, moment: str) -> None:
        """Move on to an event's time."""
        self._first = self._first or moment
        start, end = parse_iso(self._first), SystemClock().now()
        whole = max((end - start).total_seconds(), 1.0)
        self._bar.update(self._task, total=whole, completed=(parse_iso(moment) - start).total_seconds())
