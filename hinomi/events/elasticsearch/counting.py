"""Counts: a composite aggregation read to its end, so that no bucket is left out or estimated.

API: elastic.co/docs/reference/aggregations/search-aggregations-bucket-composite-aggregation.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hinomi.clock import iso
from hinomi.errors import ConfigError
from hinomi.event import Event
from hinomi.events import Aggregate, Bucket
from hinomi.events.elasticsearch.asking import Dsl, key_of
from hinomi.events.elasticsearch.client import Client
from hinomi.events.elasticsearch.documents import moment_of
from hinomi.events.elasticsearch.mapping import OPAQUE, TIME
from hinomi.events.types import fitting, kind_of

AT_ONCE = 5000
SPAN: Dsl = {"first": {"min": {"field": TIME}}, "last": {"max": {"field": TIME}}}


def are_mapped(client: Client, stream: str, names: Sequence[str]) -> bool:
    """Tell whether there is an index at all.

    Raises:
        ConfigError: If a field is not indexed.
    """
    params = {"fields": ",".join(sorted(set(names))), "ignore_unavailable": "true", "allow_no_indices": "true"}
    answer = client.call("GET", f"/{stream}/_field_caps", params=params)
    for name in names:
        if answer["indices"] and (name not in answer["fields"] or name in OPAQUE):
            hint = "search finds it; aggregate counts columns only"
            raise ConfigError(f"{name} is no column of the store", hint=hint)
    return bool(answer["indices"])


def count(client: Client, stream: str, aggregate: Aggregate, condition: Dsl, whole: Mapping[str, str]) -> list[Bucket]:
    """Return the buckets, largest first."""
    if not aggregate.by:
        body = {"query": condition, "size": 0, "track_total_hits": True, "aggs": SPAN}
        answer = client.call("POST", f"/{stream}/_search", body, params=whole)
        if not answer["_shards"]["total"]:
            return []
        return [_bucket((), answer["hits"]["total"]["value"], answer["aggregations"])]
    found = sorted(_read(client, stream, aggregate.by, condition, whole), key=lambda bucket: -bucket.count)
    return found[: aggregate.limit]


def _read(client: Client, stream: str, by: Sequence[str], condition: Dsl, whole: Mapping[str, str]) -> Iterator[Bucket]:
    sources = [{f"k{n}": {"terms": {"field": key_of(name), "missing_bucket": True}}} for n, name in enumerate(by)]
    composite: Dsl = {"size": AT_ONCE, "sources": sources}
    body = {
        "query": condition,
        "size": 0,
        "track_total_hits": False,
        "aggs": {"all": {"composite": composite, "aggs": SPAN}},
    }
    while True:
        answer = client.call("POST", f"/{stream}/_search", body, params=whole)
        found = answer.get("aggregations", {}).get("all", {})
        for each in found.get("buckets", ()):
            key = tuple(_key(name, each["key"][f"k{n}"]) for n, name in enumerate(by))
            yield _bucket(key, each["doc_count"], each)
        if not found.get("after_key"):
            return
        composite["after"] = found["after_key"]


def _key(name: str, value: Any) -> Any:
    return iso(moment_of(value)) if kind_of(name) == "time" and value is not None else value


def _bucket(key: tuple[Any, ...], number: int, span: Mapping[str, Any]) -> Bucket:
    first, last = (span.get(name, {}).get("value") for name in ("first", "last"))
    if first is None or last is None:
        return Bucket(key, number)
    return Bucket(key, number, iso(moment_of(int(first))), iso(moment_of(int(last))))


def key_of_event(event: Event, by: Sequence[str]) -> list[Any]:
    """Return what an event is counted under; a value of another type than its field's is none."""
    values = [(name, event.get(name)) for name in by]
    return [
        value if value is not None and fitting(kind_of(name), value) is not None else None for name, value in values
    ]
