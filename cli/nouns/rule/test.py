"""``hinomi rule test``: rules on the samples beside them."""

from pathlib import Path

import click

from hinomi.cli.options import examples, listed
from hinomi.cli.output import say, show
from hinomi.text import _


@click.command("test", epilog=examples("rule test", "rule test ./rules -o csv"))
@click.argument("folders", nargs=-1, type=click.Path(exists=True))
@listed
def command(folders: tuple[str, ...], fmt: str) -> int:
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
            if rule.tree is not None or rule.correlation is not None
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
