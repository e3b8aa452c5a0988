"""The reference page of the field maps: docs/reference/fieldmap.md is what `hinomi help fieldmap` prints."""

from collections import defaultdict
from collections.abc import Iterator

from hinomi.detections.fieldmap import Condition, Product, Table, fieldmaps

HEAD = """\
# Field maps

How Sigma's log sources, names and values reach events, product by product: the tables of `hinomi_ecs`. The same tables
compile rules for the stream and make the pySigma pipeline (`sigma convert -p hinomi_ecs -t lucene RULE`). This page is what
`hinomi help fieldmap` prints; `hinomi rule coverage` says for your rules what is mapped, and whether it is received.

- An event meets a rule if it fulfils **any** condition of the rule's log source. Without a table, `product: p, service: s`
  means `event.dataset: p.s`. A rule without a product is read by `any`.
- A field with several ECS fields holds where **any** of them does.
- `sigma.…` is no field of events: it is read by the event's own kind, from a tree of fields, or from the hashes.
- Windows, Linux and macOS rules meet the events of any agent that writes `host.os.type`, `event.category` and `event.type`.
- A field that stands nowhere here is *not mapped*: `rule list --unmapped` and `rule coverage --unmapped` name the rules.
- ECS fields and `hinomi.*` may stand in any rule as they are.
"""
MOST = 6
"""Log sources that are named beside a field; more are counted."""


def fieldmap_reference() -> str:
    """Return every table as Markdown; products that share a table stand together."""
    shared: dict[int, tuple[list[str], Product]] = {}
    for name, product in fieldmaps:
        if isinstance(product, Product) and product.table is not None:
            shared.setdefault(id(product), ([], product))[0].append(name)
    parts = [HEAD]
    for names, product in shared.values():
        if product.table is not None:
            parts += [
                f"\n## {', '.join(names)}\n",
                *_sources(product.table),
                *_fields(product.table),
                *_values(product.table),
            ]
    return "\n".join(parts) + "\n"


def _sources(table: Table) -> Iterator[str]:
    same: dict[tuple[Condition, ...], list[str]] = defaultdict(list)
    for source, conditions in table.sources.items():
        same[tuple(conditions)].append(f"`{source}`" if source else "(neither)")
    yield "| category or service | events |\n| --- | --- |"
    for conditions, sources in same.items():
        yield f"| {', '.join(sources)} | {'; '.join(map(_condition, conditions))} |"


def _condition(condition: Condition) -> str:
    said = (f"`{name}={value}`" if value else f"no `{name}`" for name, value in condition)
    return " and ".join(said) or "every event"


def _fields(table: Table) -> Iterator[str]:
    rows: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for name, targets in table.fields.items():
        rows[name, targets].append("")
    for source, own in table.of.items():
        for name, targets in own.items():
            rows[name, targets].append(source or "(neither)")
    if rows:
        yield "\n| Sigma field | ECS fields | in |\n| --- | --- | --- |"
    for (name, targets), sources in sorted(rows.items(), key=lambda row: (row[0][0].casefold(), row[1])):
        where = "" if "" in sources else ", ".join(sources) if len(sources) <= MOST else f"{len(sources)} log sources"
        yield f"| `{name}` | {', '.join(f'`{target}`' for target in targets)} | {where} |"
    for begin, target in table.trees.items():
        yield f"| `{begin}…` | `{target}…` | |"
    for source, pattern in table.rest.items():
        yield f"| any other | `{pattern.format('…')}` | {source} |"


def _values(table: Table) -> Iterator[str]:
    if table.values:
        yield "\n| Sigma field | ECS field | value → value |\n| --- | --- | --- |"
    for name, targets in table.values.items():
        for target, values in targets.items():
            pairs = ", ".join(f"`{value}` → {f'`{made}`' if made else 'none'}" for value, made in values.items())
            yield f"| `{name}` | `{target}` | {pairs} |"
