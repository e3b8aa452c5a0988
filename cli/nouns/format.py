"""``hinomi format``: what becomes of a record."""

from pathlib import Path

import click

from hinomi.cli.options import examples, listed
from hinomi.cli.output import as_json, say, show
from hinomi.errors import ConfigError
from hinomi.text import _

TRY = "format try skysea.operation oplog.csv --encoding cp932"


@click.group("format", epilog=examples("format list", TRY))
def command() -> None:
    """List formats, and try one on a file."""


@command.command("list", epilog=examples("format list", "format list -o json"))
@listed
def list_(fmt: str) -> None:
    """List the formats that are known."""
    from hinomi.collectors.formats import formats

    rows = []
    for name, parse in formats:
        words = str(__import__(parse.__module__, fromlist=["_"]).__doc__ or "").strip().splitlines()
        rows.append({"id": name, "about": words[0] if words else ""})
    show(rows, ("id", "about"), fmt)


@command.command("try", epilog=examples(TRY, "format try windows.eventlog events.ndjson --limit 5"))
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--framing", default="", help=_("lines, csv, ndjson, json_array; default by the file's name."))
@click.option("--encoding", default="", help=_("Declared encoding, such as cp932."))
@click.option("--zone", default="Asia/Tokyo", help=_("Zone of times without one."))
@click.option("--envelope", default="", help=_("What records travel in: syslog."))
@click.option("--header", default="", help=_("Names of the columns, where the file has no header."))
@click.option("--limit", type=click.IntRange(1), help=_("Stop after so many records."))
def try_(
    name: str, file: str, framing: str, encoding: str, zone: str, envelope: str, header: str, limit: int | None
) -> int:
    """Print the ECS documents of a file's records, nested, one a line; exit 1 if a record was not taken."""
    from hinomi.collectors.formats import formats
    from hinomi.collectors.framings import framings
    from hinomi.collectors.reading import explain
    from hinomi.event import RawRecord, nested

    formats.get(name)
    path = Path(file)
    if not path.exists():
        raise ConfigError("no such file", where=path)
    kind = framing or {".csv": "csv", ".json": "json_array"}.get(
        path.suffix.lower(), "ndjson" if path.suffix.lower() in (".ndjson", ".jsonl") else "lines"
    )
    cutter = framings.get(kind)(encoding=encoding, context=None)
    if cutter.kind == "whole":
        with path.open("rb") as stream:
            cuts = list(cutter.open(stream, 0))
        context = None
    else:
        cuts = [*cutter.feed(path.read_bytes()), *cutter.finish()]
        context = cutter.context
    cuts, missed, received = cuts[:limit], 0, int(path.stat().st_mtime * 1_000_000)
    for cut in cuts:
        place = f"{cut.start}"
        record = RawRecord(cut.raw, "try", place, received, context or header or None, encoding, zone)
        for event in explain(record, name, envelope):
            missed += event["event.dataset"] == "hinomi.unparsed"
            click.echo(as_json(nested(event)))
    say(_("{count} records, {missed} not taken by {name}").format(count=len(cuts), missed=missed, name=name))
    return 1 if missed else 0
