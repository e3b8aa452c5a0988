"""Queries as DataFusion SQL: tenant and window always, terms as a superset. Nothing of a value is ever bare text."""

from hinomi.errors import ConfigError
from hinomi.events import Aggregate, Query, Term
from hinomi.events.types import kind_of

#: DataFusion counts nanoseconds since 1970 in 64 bits: a window that reaches farther is an error there.
EARLIEST, LATEST = "1678-01-01T00:00:00.000000Z", "2262-01-01T00:00:00.000000Z"

#: Between the elements of a list that is looked at as one text; no text of a filter holds it.
BETWEEN = "\x1f"


def quote(name: str) -> str:
    """Return a column's name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text for SQL."""
    return "'" + value.replace("'", "''").replace("\x00", "\ufffd") + "'"


def _like(value: str) -> str:
    escaped = value.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return text(f"%{escaped}%") + " ESCAPE '\\'"


def condition_sql(query: Query, columns: set[str]) -> str:
    """Return the WHERE of a query."""
    time, tenant = quote("@timestamp"), quote("hinomi.tenant")
    since, until = (min(max(moment, EARLIEST), LATEST) for moment in (query.since, query.until))
    parts = [f"{time} >= TIMESTAMP {text(since)}", f"{time} < TIMESTAMP {text(until)}"]
    parts += [f"day >= {text(since[:10])}", f"day <= {text(until[:10])}"]
    if query.grant.tenant:
        subtree = query.grant.tenant
        parts.append(f"({tenant} = {text(subtree)} OR starts_with({tenant}, {text(subtree + '/')}))")
    parts += [found for term in query.terms if (found := _term(term, columns))]
    return " AND ".join(parts)


def _term(term: Term, columns: set[str]) -> str:
    """Return a condition that every event fulfilling the term fulfils; empty: none can be said."""
    if not term.value.isascii():  # case folding differs beyond ASCII; the verdict in Python is exact
        return ""
    if term.field is None or term.op in ("!=", ">", ">=", "<", "<="):
        return ""
    rest = quote("hinomi.rest")
    plain = '"' not in term.value and "\\" not in term.value
    in_rest = f"lower({rest}) LIKE {_like(term.value)}" if plain else f"{rest} IS NOT NULL"
    if term.field not in columns:
        return f"({in_rest})"
    column = quote(term.field)
    if kind_of(term.field) != "text":
        return ""
    same = (
        f"lower({column}) = {text(term.value.lower())}"
        if term.op == "="
        else f"lower({column}) LIKE {_like(term.value)}"
    )
    return f"({same} OR {rest} LIKE {text('%' + term.field + '%')})"


def aggregate_sql(aggregate: Aggregate, columns: set[str]) -> str:
    """Return the SQL of an aggregate.

    Raises:
        ConfigError: If a field is no column.
    """
    named = [*aggregate.by, *(term.field for term in aggregate.query.terms if term.field)]
    for name in named:
        if name not in columns:
            raise ConfigError(
                f"{name} is no column of the store", hint="search finds it; aggregate counts columns only"
            )
    terms = [_exact(term) for term in aggregate.query.terms]
    query = aggregate.query
    bare = Query(query.grant, query.since, query.until, table=query.table)
    where = " AND ".join([condition_sql(bare, columns), *terms])
    keys = [f"{quote(name)} AS k{n}" for n, name in enumerate(aggregate.by)]
    time = quote("@timestamp")
    counted = [*keys, "COUNT(*) AS n", f'MIN({time}) AS "first"', f'MAX({time}) AS "last"']
    group = f" GROUP BY {', '.join(quote(name) for name in aggregate.by)}" if aggregate.by else ""
    return f"SELECT {', '.join(counted)} FROM {query.table} WHERE {where}{group} ORDER BY n DESC LIMIT {int(aggregate.limit)}"  # noqa: S608 - quoted parts


def _exact(term: Term) -> str:
    if term.field is None:
        raise ConfigError("a bare word cannot be aggregated", hint="name a field: field~word")
    column = quote(term.field)
    if kind_of(term.field) == "list":
        if term.op not in ("=", "!=", "~"):
            raise ConfigError(
                f"{term.field} is no number", hint="search compares texts; aggregate counts by numbers only"
            )
        whole = f"{text(BETWEEN)} || lower(array_to_string({column}, {text(BETWEEN)})) || {text(BETWEEN)}"
        found = f"({whole}) LIKE {_like(term.value if term.op == '~' else BETWEEN + term.value + BETWEEN)}"
        return f"({found}) IS NOT TRUE" if term.op == "!=" else found
    folded = f"lower(CAST({column} AS VARCHAR))"
    if term.op == "~":
        return f"{folded} LIKE {_like(term.value)}"
    if term.op in ("=", "!="):
        sign = "=" if term.op == "=" else "IS DISTINCT FROM"
        return f"{folded} {sign} {text(term.value.lower())}"
    try:
        return f"CAST({column} AS DOUBLE) {term.op} {float(term.value)}"
    except ValueError as error:
        raise ConfigError(f"{term.value!r} is no number", hint="field>10") from error
