"""A playbook as text: what `hinomi.playbooks.engine.model.parse` reads back the same, a step a line as people write them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hinomi.detections.engine.safe_yaml import dump
from hinomi.playbooks.engine.model import UNITS, Playbook, Step


def duration(value: timedelta) -> str:
    """Return a duration as playbooks write it: ``30s``, ``15m``, ``1h``, ``14d``."""
    millis = value // timedelta(milliseconds=1)
    if not millis:
        return "0s"
    return next(f"{millis // size}{unit}" for unit, size in UNITS.items() if millis % size == 0)


def plain(value: Any) -> Any:
    """Return models and durations as YAML and JSON have them."""
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, dict):
        return {key: plain(below) for key, below in value.items()}
    return [plain(below) for below in value] if isinstance(value, list | tuple) else value


def step_of(step: Step) -> dict[str, Any]:
    """Return a step's own keys."""
    return dict(plain(step.model_dump(by_alias=True, exclude_defaults=True)))


def head_of(playbook: Playbook) -> dict[str, Any]:
    """Return the keys of a playbook that are not steps."""
    found = dict(plain(playbook.model_dump(by_alias=True, exclude_defaults=True, exclude={"steps"})))
    return {
        "playbook": 1,
        "id": playbook.id,
        "version": playbook.version,
        "title": playbook.title,
        "match": {},
        "mode": playbook.mode,
    } | found


def as_yaml(playbook: Playbook) -> str:
    """Write a playbook."""
    return "".join(_lines(head_of(playbook), playbook.steps))


def _lines(head: dict[str, Any], steps: list[Step]) -> Iterator[str]:
    for key, value in head.items():
        if key not in ("foreign", "tests"):
            yield f"{key}: {dump(value, on_one_line=True)}" if isinstance(value, dict) else dump({key: value})
    yield "steps:\n"
    for step in steps:
        yield f"  - {dump(step_of(step), on_one_line=True)}"
    for key in ("foreign", "tests"):
        if key in head:
            yield dump({key: head[key]})
