"""YAML 1.2 of others: no aliases, bounded size, depth and nodes, duplicate keys refused.

PyYAML's safe loader builds a billion-laughs graph and lets duplicate keys win silently, so the events
are walked before anything is built. It also reads YAML 1.1, where NO is false, 12:30 is 750 and 010 is 8;
Sigma says 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema). Digits after a zero, as 0429, stay the text they are.
"""

import re as _own_patterns
from pathlib import Path
from typing import Any

import yaml

from hinomi.errors import ConfigError

SIZE, DEPTH, NODES = 1024 * 1024, 30, 50_000


class _Loader(yaml.CSafeLoader):
    """Reads the core schema of YAML 1.2, refuses duplicate keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - the base class has it so


_TAG = "tag:yaml.org,2002:"
#: What a plain scalar is, and the characters that it may begin with ("" for an empty one).
_CORE = (
    ("null", r"|~|null|Null|NULL", ["", *"~nN"]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", [*"-+.0123456789"]),
)  # fmt: skip
for _kind, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(_TAG + _kind, _own_patterns.compile(f"(?:{_pattern})$"), _first)


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(node.value)
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


_Loader.add_constructor(f"{_TAG}int", _whole)


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


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 or 1.2 would take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: an alias could not be read back."""
        return True


_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, ()), *_Loader.yaml_implicit_resolvers.get(first, ())]
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
}


def dump(value: Any, *, on_one_line: bool = False) -> str:
    """Write what `load_all` reads back the same."""
    return yaml.dump(
        value, Dumper=_Dumper, default_flow_style=on_one_line, width=10**6, allow_unicode=True, sort_keys=False
    )
