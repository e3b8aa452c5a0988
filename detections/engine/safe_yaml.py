"""YAML of others: no aliases, bounded size, depth and nodes, duplicate keys refused.

PyYAML's safe loader builds a billion-laughs graph and lets duplicate keys win silently, so the events
are walked before anything is built.
"""

from pathlib import Path
from typing import Any

import yaml

from hinomi.errors import ConfigError

SIZE, DEPTH, NODES = 1024 * 1024, 30, 50_000


class _Loader(yaml.CSafeLoader):
    """Refuses duplicate keys."""


def _mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_all(data: bytes, where: Path | str) -> list[Any]:
    """Return the documents of a file.

    Raises:
        ConfigError: With file and line of what is wrong or not allowed.
    """
    if len(data) > SIZE:
        raise ConfigError(f"larger than {SIZE // 1024} KB", where=where, hint="split it")
    try:
        text = data.decode("utf-8-sig")
        _walk(text, where)
        return [document for document in yaml.load_all(text, _Loader) if document is not None]
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 at byte {error.start}", where=where, hint="save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"not YAML: {error.problem}", where=f"{where}{line}", hint="mend this line") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"not YAML: {error}", where=where) from error


def _walk(text: str, where: Path | str) -> None:
    depth = 0
    for nodes, event in enumerate(yaml.parse(text, yaml.CSafeLoader)):
        line = f"{where}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError("anchors and aliases are not allowed", where=line, hint="write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH or nodes > NODES:
            raise ConfigError(
                "nested too deeply, or too long", where=line, hint=f"at most {DEPTH} levels, {NODES} nodes"
            )
