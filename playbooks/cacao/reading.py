"""CACAO 2.0 as a playbook of ours: our own come back as they went; of others, a sketch that people carry out by hand.

Nothing is lost: what hinomi cannot express is kept whole in ``foreign``, and is in the way of going live.
"""

import copy
from datetime import UTC, datetime
from typing import Any

from hinomi.detections.engine.safe_yaml import dump
from hinomi.errors import ConfigError
from hinomi.playbooks.cacao.checking import Unknown, check
from hinomi.playbooks.cacao.naming import EXTENSION
from hinomi.playbooks.cacao.schema import Playbook as Document
from hinomi.playbooks.cacao.sketching import sketch
from hinomi.playbooks.cacao.writing import differences, write
from hinomi.playbooks.engine.model import Playbook, parse


def read(document: Any, where: str) -> Playbook:
    """Return what a CACAO document says.

    Raises:
        ConfigError: If it is no CACAO 2.0 playbook, or hinomi's extension in it does not hold a playbook.
    """
    if not isinstance(document, dict) or document.get("type") != "playbook":
        raise ConfigError("no CACAO playbook", where=where, hint='a JSON object with "type": "playbook"')
    if document.get("spec_version") != "cacao-2.0":
        raise ConfigError(
            f"spec_version {document.get('spec_version')!r} is not read", where=where, hint="cacao-2.0 is"
        )
    rest = copy.deepcopy(document)
    checked, unknown = check(rest, where)
    own = (checked.playbook_extensions or {}).get(EXTENSION)
    found = sketch(checked, rest) if own is None else _own(checked, own, where)
    foreign = [*found.get("foreign", ()), *map(_unknown, unknown)]
    playbook = parse(dump({**found, "foreign": foreign}), where)
    if own is None:
        return playbook
    again = write(playbook, datetime.now(UTC))
    changed = [{"id": key, "why": CHANGED, "kept": step} for key, step in differences(rest, again)]
    return parse(dump({**found, "foreign": [*foreign, *changed]}), where) if changed else playbook


CHANGED = "was changed elsewhere, and hinomi's own keys say otherwise"


def _own(document: Document, own: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a playbook from our extension."""
    steps = dict(own.get("off_path") or {})
    for step in document.workflow.values():
        written = (step.step_extensions or {}).get(EXTENSION, {}).get("step")
        if isinstance(written, dict) and "id" in written:
            steps[written["id"]] = written
    order = [name for name in own.get("order") or steps if name in steps]
    head = own.get("playbook")
    if not isinstance(head, dict) or not order:
        raise ConfigError("hinomi's extension holds no playbook", where=where, hint="export it again")
    return {**head, "steps": [steps[name] for name in order]}


def _unknown(found: Unknown) -> dict[str, Any]:
    keys, kept = found
    return {"id": ".".join(str(key) for key in keys), "why": "is not in the specification of CACAO 2.0", "kept": kept}
