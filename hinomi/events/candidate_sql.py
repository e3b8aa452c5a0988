"""Candidate filters as DataFusion SQL. A value beyond ASCII is always a candidate: folding differs there."""

from hinomi.events.candidates import AllOf, Filter, Is
from hinomi.events.sql import BETWEEN, quote, text
from hinomi.events.types import kind_of


def filter_sql(found: Filter, columns: set[str]) -> str:
    """Return a condition that every candidate fulfils."""
    if not isinstance(found, Is):
        parts = [filter_sql(part, columns) for part in found.parts]
        every = isinstance(found, AllOf)
        return f"({(' AND ' if every else ' OR ').join(parts)})" if parts else ("TRUE" if every else "FALSE")
    in_rest = f"{quote('hinomi.rest')} IS NOT NULL"
    if not any(c in '"\\' or c < " " for c in found.field):  # as the name stands in JSON
        in_rest = f"{quote('hinomi.rest')} LIKE " + text('%"' + _like(found.field) + '":%') + " ESCAPE '\\'"
    if found.field not in columns:
        return in_rest
    return f"({_column(found)} OR {in_rest})"


def _column(found: Is) -> str:
    column, kind = quote(found.field), kind_of(found.field)
    if found.kind == "present":
        return f"{column} IS NOT NULL"
    if kind == "time":
        return "TRUE"
    if kind == "list":
        whole = f"lower(array_to_string({column}, {text(BETWEEN)}))"
        return f"({whole} LIKE {_pattern(found._replace(kind='contains'))} OR octet_length({whole}) > char_length({whole}))"
    if kind != "text":
        column = f"CAST({column} AS VARCHAR)"
        return f"lower({column}) LIKE {_pattern(found)}"
    beyond = f"octet_length({column}) > char_length({column})"
    if found.kind == "equals":
        return f"(lower({column}) = {text(found.text)} OR {beyond})"
    return f"(lower({column}) LIKE {_pattern(found)} OR {beyond})"


def _pattern(found: Is) -> str:
    inner = _like(found.text)
    shapes = {"equals": inner, "contains": f"%{inner}%", "starts": f"{inner}%", "ends": f"%{inner}"}
    return text(shapes[found.kind]) + " ESCAPE '\\'"


def _like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
