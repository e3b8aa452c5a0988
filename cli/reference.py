"""Reference pages made from the code: docs/reference/settings.md is what `hinomi help settings` prints."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from hinomi.collectors.sources import sources
from hinomi.events import stores
from hinomi.playbooks.channels import channels
from hinomi.settings import Settings, SourceSettings

HEAD = """\
# Settings

One TOML file, `hinomi.toml`. The environment wins over it: `HINOMI_API__LISTEN` is `[api] listen`. An unknown key is
an error, and all errors are named at once. This page is what `hinomi help settings` prints.
"""


def settings_reference() -> str:
    """Return every setting with its default, as Markdown."""
    parts = [HEAD, *_rows(Settings)]
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            parts += [f"\n## [{name}]\n", *_rows(type(field.default))]
        if name == "store":
            parts += _of_kinds(stores)
    parts += [
        "\n## [sources.NAME]\n",
        "A door. What belongs to one kind stands beside these keys.\n",
        *_rows(SourceSettings),
    ]
    parts += _of_kinds(sources)
    for name, make in channels:
        if keys := getattr(make, "keys", None):
            parts += [f"\n## [channels.{name}]\n", *_rows(keys)]
    return "\n".join(parts) + "\n"


def _of_kinds(registered: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the keys that belong to one kind of a table."""
    found = [(kind, getattr(component, "keys", None)) for kind, component in registered]
    return [line for kind, keys in found if keys for line in (f'\n### kind = "{kind}"\n', *_rows(keys))]


def _rows(model: type[BaseModel]) -> list[str]:
    rows = ["| key | default | what |", "| --- | --- | --- |"]
    for name, field in model.model_fields.items():
        if field.exclude or isinstance(field.default, BaseModel):
            continue
        rows.append(f"| `{name}` | {_default(field)} | {field.description or ''} |")
    return rows


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if value in (None, "", (), {}, []) else f"`{json.dumps(value, default=str)}`"
