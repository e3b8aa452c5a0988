"""``hinomi rule add``: a pack of rules, looked at before it runs."""

import tempfile
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.output import say, show
from hinomi.errors import ConfigError
from hinomi.text import _

if TYPE_CHECKING:
    from hinomi.detections.packs.archive import Content

ENDS = (".zip", ".tar.gz", ".tgz", ".tar")


@click.command(
    "add",
    epilog=examples(
        "rule add sigma-windows.zip --reason 'rules of November'",
        "rule add sigma/rules --name sigmahq --dry-run --reason look",
    ),
)
@click.argument("pack", type=click.Path(path_type=Path))
@click.option(
    "--name", default="", help=_("Name of the pack; default: that of its file or folder. One of this name is replaced.")
)
@click.option("--off", is_flag=True, help=_("Bring it, and leave it switched off."))
@click.option("--dry-run", is_flag=True, help=_("Only say what it would bring."))
@reasoned
@listed
@configured
def command(client: Client, fmt: str, pack: Path, name: str, off: bool, dry_run: bool, reason: str) -> int:
    """Bring a pack: a folder, a zip or a tar.gz of Sigma files. Rules with a fault are named, and alone do not run."""
    from hinomi.detections.packs import archive
    from hinomi.detections.packs.shelf import name_of, rules_in

    name = name_of(name or _stem(pack))
    if not pack.exists():
        raise ConfigError(_("no such file or folder"), where=pack, hint=_("name a folder, a zip or a tar.gz"))
    packed = b"" if pack.is_dir() else pack.read_bytes()
    content = archive.read_folder(pack) if pack.is_dir() else archive.read(packed, str(pack))
    faults, rules = _looked_at(client, name, content)
    known = {row["id"]: row["pack"] for row in client.get("rules")["items"]}
    twice = [rule for rule in rules if known.get(rule, name) != name]
    if not dry_run:
        packed = packed or archive.zipped(content)
        body = {"name": name, "content": b64encode(packed).decode(), "reason": reason, "enabled": not off}
        client.post("packs", body)
    if faults or fmt != "table":
        show(faults, ("rule", "where", "reason"), fmt)
    for path in content.left_out:
        say(_("left out, since it is no file: {path}").format(path=path))
    if twice:
        say(_("{count} rules are there already, from elsewhere; those that are there run, as {rule}").format(count=len(twice), rule=twice[0]))  # fmt: skip
    text = _("{name}: {files} files, {rules} rules, {faults} faults; nothing was done") if dry_run else _("{name}: {files} files, {rules} rules, {faults} faults")  # fmt: skip
    say(text.format(name=name, files=rules_in(content.files), rules=len(rules), faults=len(faults)))
    return 0


def _looked_at(client: Client, name: str, content: "Content") -> tuple[list[dict[str, Any]], Sequence[str]]:
    """Compile a pack beside the installation's own rules; what is compiled is in its cache when its workers ask."""
    from hinomi.detections.offline.rules import offline
    from hinomi.detections.packs.shelf import write

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "pack"
        write(folder, content.files)
        ruleset = offline([folder], data=client.data)
        here = f"{folder.resolve()}/"
        faults = [
            {
                "rule": fault.rule,
                "where": fault.where.replace(here, f"{name}:"),
                "reason": fault.reason.replace(here, ""),
            }
            for fault in ruleset.faults
        ]
        return faults, list(ruleset.rules)


def _stem(pack: Path) -> str:
    name = pack.resolve().name.lower()
    return next((name.removesuffix(end) for end in ENDS if name.endswith(end)), name).replace(" ", "-")
