"""Where in a playbook's text something stands: the line and column that keys lead to, both from 1."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

Keys = Sequence[int | str]


class Text:
    """A playbook's text, and where it was read."""

    def __init__(self, text: str, where: Path | str):
        self.where = where
        try:
            self._root = yaml.compose(text, yaml.CSafeLoader)
        except (yaml.YAMLError, RecursionError, ValueError):
            self._root = None

    def at(self, keys: Keys) -> str:
        """Return ``file:line:column`` of what keys lead to, or of as much of them as is there."""
        node, mark = self._root, self._root.start_mark if self._root is not None else None
        for key in keys:
            below = _below(node, key)
            if below is None:
                break
            mark, node = below
        return f"{self.where}:{mark.line + 1}:{mark.column + 1}" if mark is not None else str(self.where)


def _below(node: Any, key: int | str) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((name.start_mark, value) for name, value in node.value if name.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark, node.value[key]
    return None
