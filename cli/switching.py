"""What `hinomi rule enable`, `disable` and `remove` have in common: a name is a pack's, else a rule's."""

from collections.abc import Sequence

from hinomi.cli.client import Client
from hinomi.cli.output import show_done
from hinomi.text import _


def switch(client: Client, names: Sequence[str], act: str, reason: str, fmt: str, *, only_packs: bool = False) -> None:
    """Switch each, and say what it is now."""
    packs = {row["name"] for row in client.get("packs")["items"]}
    for name in names:
        kind = "packs" if only_packs or name in packs else "rules"
        done = client.post(f"{kind}/{name}/{act}", {"reason": reason})
        what = _("pack {name}: {state}") if kind == "packs" else _("rule {name}: {state}")
        show_done(done, fmt, what.format(name=done.get("title", name), state=done["state"]))
