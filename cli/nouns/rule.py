"""``hinomi rule``: what is detected."""

import logging
from pathlib import Path

import click

from hinomi import log
from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show, show_one
from hinomi.cli.rule_coverage import coverage
from hinomi.text import _


@click.group("rule", epilog=examples("rule list --faults", "rule test", "rule coverage"))
def command() -> None:
    """List rules, try them on their samples, see what they cover."""


@command.command("list", epilog=examples("rule list --unmapped", "rule list --faults -o json"))
@click.option("--faults", is_flag=True, help=_("Only rules that could not be loaded."))
@click.option("--unmapped", is_flag=True, help=_("Only rules with fields that no field map knows."))
@listed
@configured
def list_(client: Client, fmt: str, faults: bool, unmapped: bool) -> None:
    """List rules with level, category, whether they contain, hits, and unmapped fields."""
    answer = client.get("rules")
    if faults:
        show(answer["faults"], ("rule", "where", "reason"), fmt)
        return
    rows = [row for row in answer["items"] if row["unmapped"] or not unmapped]
    show(
        rows,
        ("id", "level", "category", "contain", "title", "hits", "last_seen", "noisy", "exceptions", "unmapped"),
        fmt,
    )
    if answer["faults"]:
        say(_("{count} rules could not be loaded: hinomi rule list --faults").format(count=len(answer["faults"])))
    for state, text in (
        ("ends soon", _("an exception to rule {rule} ends within 14 days: hinomi rule show {rule}")),
        ("ended", _("an exception to rule {rule} has ended and no longer applies: hinomi rule show {rule}")),
    ):
        for row in rows:
            if state in row["exceptions"]:
                say(text.format(rule=row["id"]))


@command.command("show", epilog=examples("rule show personal_data_leaves", "rule show personal_data_leaves -o json"))
@click.argument("rule")
@listed
@configured
def show_(client: Client, rule: str, fmt: str) -> None:
    """Show one rule, by its id or name, and the exceptions on it: owner, reason, last day, whether it applies."""
    show_one(client.get(f"rules/{rule}"), fmt)


@command.command("test", epilog=examples("rule test", "rule test ./rules -o csv"))
@click.argument("folders", nargs=-1, type=click.Path(exists=True))
@listed
def test(folders: tuple[str, ...], fmt: str) -> int:
    """Match every rule with the samples beside it; without folders, the shipped rules. Exit 1 if one fails."""
    import tempfile
    from importlib.resources import files

    from hinomi.detections import load
    from hinomi.detections.samples import run, sample_file
    from hinomi.settings import Rules, Settings

    places = [Path(folder) for folder in folders] or [Path(str(files("hinomi.detections") / "rules"))]
    with tempfile.TemporaryDirectory() as data:
        ruleset = load(
            Settings(data=Path(data), rules=Rules(shipped=False, folders=tuple(p.resolve() for p in places)))
        ).current()
        compiled = getattr(ruleset, "compiled", {})
        rows = [
            {
                "rule": ruleset.rules[name].title,
                "sample": o.sample,
                "wanted": "match" if o.wanted else "no match",
                "ok": o.ok,
                "why": o.why,
            }
            for name, rule in compiled.items()
            if rule.tree is not None
            for o in run(ruleset, name, sample_file(Path(rule.where)))
        ]
    rows += [
        {"rule": fault.rule, "sample": fault.where, "wanted": "", "ok": False, "why": fault.reason}
        for fault in ruleset.faults
    ]
    show(rows, ("rule", "sample", "wanted", "ok", "why"), fmt)
    failed = sum(not row["ok"] for row in rows)
    say(_("{passed} of {count} passed").format(passed=len(rows) - failed, count=len(rows)))
    return 1 if failed else 0


@command.command("regression", epilog=examples("rule regression sigma/", "rule regression sigma/ --all -o csv"))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help=_("Print the tests that pass, too."))
@listed
def regression(folder: Path, fmt: str, every: bool) -> int:
    """Run the regression tests of a tree in SigmaHQ's layout. Exit 1 if one fails; the last line counts."""
    from hinomi.detections.offline import regression

    log.configure("cli", json=False, level=logging.ERROR)
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


command.add_command(coverage)
