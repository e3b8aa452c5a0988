"""``hinomi rule explain``: why a rule matches an event or does not, clause by clause."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import config_of, examples, listed
from hinomi.cli.output import as_json, errors_only, inert, show
from hinomi.cli.rules import rules_for, written
from hinomi.text import _

MOST = 8
"""Values of a clause that are printed; -o json has them all."""


@click.command(
    "explain",
    epilog=examples(
        "rule explain my_rule.yml --event Security.evtx:17",
        "rule explain 'Encoded PowerShell' --event 0f1e2d3c4b5a69788796a5b4c3d2e1f0 -o json",
    ),
)
@click.argument("rule")
@click.option("--event", required=True, help=_("An event's id, or FILE:INDEX for a record of a file, from 0."))
@click.option(
    "--rules",
    "more",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("Files or folders that the rule refers to."),
)
@listed
@click.pass_context
def command(ctx: click.Context, rule: str, event: str, more: tuple[Path, ...], fmt: str) -> int:
    """Show what a rule asks of an event, what it has there, and what came of it. RULE: a file, an id, a name, a title."""
    from hinomi.detections.offline.choosing import place

    errors_only()
    at = place(event)
    if at is None:
        client = Client(config_of(ctx))
        body = {"rules": [rule], "event": event, **written(rule, more, str(client.config))}
        items = client.post("explanations/search", body)["items"]
    else:
        items = _offline(rule, more, at, config_of(ctx))
    if fmt == "table":
        for item in items:
            for line in lines(item):
                click.echo(inert(line))
    elif fmt == "json":
        click.echo(as_json(items if len(items) != 1 else items[0], indent=2))
    else:
        show(items, ("rule", "title", "event", "matches"), fmt)
    return 0


def _offline(rule: str, more: tuple[Path, ...], at: tuple[Path, int], config: str | None) -> list[dict[str, Any]]:
    from hinomi.detections.explaining import explain
    from hinomi.detections.offline.choosing import record

    ruleset, chosen, lists = rules_for(rule, more, config)
    compiled: Any = getattr(ruleset, "compiled", {})
    return [explain(compiled, name, event, lists) for event in record(*at) for name in chosen]


def lines(item: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Yield an explanation as people read it."""
    yield f"{indent}{item['title']}  ({item['rule']})"
    if item["matches"] is None:
        yield from _correlation(item, indent)
        return
    yield f"{indent}{_mark(item['matches'])} " + (_("matches") if item["matches"] else _("does not match"))
    source = item["logsource"]
    asked = " ".join(f"{key}: {value}" for key, value in source["asked"].items())
    yield f"{indent}{_mark(source['routed'])} " + _("log source {asked}").format(asked=asked)
    yield from _routes(source, f"{indent}    ")
    yield from _section(item, indent)
    for part in item["exceptions"]:
        yield from _exception(part, indent)
    if item["unmapped"]:
        yield indent + _("no field map knows: {names}").format(names=", ".join(item["unmapped"]))
    if item["lists_without_values"]:
        yield indent + _("lists without values: {names} (settings, [rules.lists])").format(
            names=", ".join(item["lists_without_values"])
        )
    yield ""


def _correlation(item: dict[str, Any], indent: str) -> Iterator[str]:
    about = item["correlation"]
    yield indent + _("a correlation, {type} over {seconds} s: it counts hits of these rules").format(**about)
    for part in item["rules"]:
        for name, seen in part["groups"].items():
            yield indent + _("  grouped by {name}: {seen}").format(
                name=name, seen=_texts(seen) or _("(not there: not counted)")
            )
        yield from lines(part, f"{indent}  ")


def _routes(source: dict[str, Any], indent: str) -> Iterator[str]:
    if source["why"]:
        yield indent + source["why"]
    ways = [way for way in source["ways"] if way["ok"]][:1] or source["ways"][:MOST]
    for way in ways:
        said = [f"{part['field']} = {part['wanted'] or _('(missing)')}" + ("" if part["ok"] else _(", here {seen}").format(seen=_texts(part["seen"]) or _("nothing"))) for part in way["asked"]]  # fmt: skip
        yield f"{indent}{_mark(way['ok'])} {'; '.join(said)}"
    if len(source["ways"]) > len(ways) and not source["routed"]:
        yield indent + _("… {count} more ways").format(count=len(source["ways"]) - len(ways))


def _section(item: dict[str, Any], indent: str) -> Iterator[str]:
    for part in item["conditions"]:
        yield f"{indent}{_mark(part['ok'])} " + _("condition: {text}").format(text=part["text"])
    for search in item["searches"]:
        yield from _search(search, f"{indent}  ", "" if search["used"] else _("  (no condition names it)"))


def _search(search: dict[str, Any], indent: str, note: str = "") -> Iterator[str]:
    how = _("  any of:") if search["how"] == "any" else ""
    yield f"{indent}{_mark(search['ok'])} {search['name']}{how}{note}"
    for part in search["parts"]:
        yield from _search(part, f"{indent}  ") if "name" in part else _clause(part, f"{indent}  ")


def _clause(clause: dict[str, Any], indent: str) -> Iterator[str]:
    """Yield one field: as written, what the field map made of it, what the event has there."""
    names = f" → {', '.join(clause['ecs'])}" if clause["ecs"] else ""
    field = clause["field"] or _("(anywhere)")
    seen = ", ".join(f"{name} = {_texts(texts)}" for name, texts in clause["seen"].items() if texts)
    why = f": {clause['why']}" if clause["why"] else ""
    yield f"{indent}{_mark(clause['ok'])} {field}{names}{why}"
    if seen:
        yield f"{indent}    " + _("here: {seen}").format(seen=seen)
    values = sorted(clause["values"], key=lambda value: not value["ok"])
    for value in values[:MOST]:
        mapped = _("  (in events: {values})").format(values=", ".join(value["mapped"])) if value["mapped"] else ""
        lists = _("  (from the lists {names})").format(names=", ".join(value["lists"])) if value["lists"] else ""
        yield f"{indent}    {_mark(value['ok'])} {_quoted(value['value'])}{mapped}{lists}"
    if len(values) + clause["more"] > MOST:
        yield f"{indent}    " + _("… {count} more").format(count=len(values) + clause["more"] - MOST)


def _exception(part: dict[str, Any], indent: str) -> Iterator[str]:
    who = _("{owner}: {reason}, until {until}").format(**part) if part["owner"] else part["id"]
    said = _("excepts this event") if part["excepts"] else _("does not except it")
    if part["state"] == "ended":
        said = _("has ended")
    elif not part["in_its_tenants"]:
        said = _("is for {tenants}").format(tenants=", ".join(part["tenants"]))
    yield f"{indent}{_mark(not part['excepts'])} " + _("exception {title} ({who}) {said}").format(
        title=part["title"], who=who, said=said
    )
    yield from _section(part, f"{indent}  ")


def _mark(ok: bool) -> str:
    return "✓" if ok else "✗"


def _quoted(value: Any) -> str:
    return (
        f"'{value}'"
        if isinstance(value, str)
        else "null"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def _texts(texts: list[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)
