"""Keeping house on Elasticsearch: what is past its time, what was refused, and whether the server is well."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from hinomi.event import Event
from hinomi.events import Diagnosis
from hinomi.events.elasticsearch.asking import EVERYTHING, all_of, one_of
from hinomi.events.elasticsearch.client import Client, ElasticError
from hinomi.events.elasticsearch.mapping import REFUSED, RETENTION, TIME

ROLLOVER = {"max_age": "7d", "max_primary_shard_size": "30gb"}
LEAST = (8, 13)
"""The oldest version this can work with: before, a `flattened` field broke the flat names after it. The tests run on 9."""
LONG = 600.0
"""Seconds that deleting one by one may take."""


def classes(client: Client, stream: str, whole: Mapping[str, str]) -> list[int]:
    """Return the retentions, in days, of the events that are there."""
    body = {"size": 0, "aggs": {"all": {"terms": {"field": RETENTION, "size": 1000}}}}
    answer = client.call("POST", f"/{stream}/_search", body, params=whole)
    return [int(bucket["key"]) for bucket in answer.get("aggregations", {}).get("all", {}).get("buckets", ())]


def expire(client: Client, stream: str, limits: Mapping[int, int]) -> int:
    """Drop events before the limit (microseconds) of their retention (days); return how many went."""
    if not limits:
        return 0
    over = one_of(
        all_of([{"term": {RETENTION: days}}, {"range": {TIME: {"lt": limit}}}]) for days, limit in limits.items()
    )
    gone = 0
    for index in _closed(client, stream):
        if not _count(client, index, {"bool": {"must_not": [over]}}):
            gone += _count(client, index, EVERYTHING)
            client.call("DELETE", f"/{index}")
    if _count(client, stream, over):
        params = {"refresh": "true", "conflicts": "proceed"}
        answer = client.call("POST", f"/{stream}/_delete_by_query", {"query": over}, params=params, timeout=LONG)
        gone += int(answer["deleted"])
    return gone


def _closed(client: Client, stream: str) -> list[str]:
    """Return the stream's indices that are written no more."""
    answer = client.call("GET", f"/_resolve/index/{stream}")
    return [index for found in answer["data_streams"] for index in found["backing_indices"][:-1]]


def _count(client: Client, where: str, query: dict[str, Any]) -> int:
    return int(client.call("POST", f"/{where}/_count", {"query": query})["count"])


def beside(path: Path, event: Event, reason: str) -> None:
    """Write an event that the server takes in no form to a file, durably."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
        file.write(orjson.dumps({"reason": reason, "event": event}) + b"\n")
        file.flush()
        os.fsync(file.fileno())


# --- is it well? -----------------------------------------------------------------------------------


def diagnose(client: Client, stream: str) -> Iterator[Diagnosis]:
    """Look at version, health, disk, and what was refused."""
    try:
        yield _version(client)
        yield _health(client)
        yield from _disks(client)
        yield _refused(client, stream)
    except ElasticError as error:
        yield Diagnosis("store", False, str(error), error.hint or "is it running, and may this key ask it?")


def _version(client: Client) -> Diagnosis:
    told = client.call("GET", "/")["version"]
    number, flavour = str(told["number"]), told.get("distribution", "elasticsearch")
    known = tuple(int(part) for part in number.split(".")[:2]) >= LEAST and flavour == "elasticsearch"
    least = ".".join(map(str, LEAST))
    return Diagnosis(
        "store",
        known,
        f"{flavour} {number} at {client.where}",
        "" if known else f"Elasticsearch {least} or newer is needed",
    )


def _health(client: Client) -> Diagnosis:
    told = client.call("GET", "/_cluster/health")
    found = f"{told['status']}, {told['number_of_nodes']} nodes, {told['active_shards']} shards"
    well = told["status"] != "red"
    return Diagnosis(
        "store health", well, found, "" if well else "GET _cluster/allocation/explain says why a shard is away"
    )


def _disks(client: Client) -> Iterator[Diagnosis]:
    """Compare each data node's disk with the watermark above which Elasticsearch puts no more on it."""
    params = {"include_defaults": "true", "flat_settings": "true"}
    told = client.call("GET", "/_cluster/settings", params=params)
    settings = {**told.get("defaults", {}), **told.get("persistent", {}), **told.get("transient", {})}
    high = "cluster.routing.allocation.disk.watermark.high"
    watermark, headroom = settings.get(high, "90%"), settings.get(f"{high}.max_headroom", "-1")
    for node in client.call("GET", "/_nodes/stats/fs")["nodes"].values():
        total, free = node["fs"]["total"]["total_in_bytes"], node["fs"]["total"]["available_in_bytes"]
        well = free > _least_free(watermark, headroom, total)
        remedy = "" if well else "make room: soon it takes no events, and they wait in the spool"
        yield Diagnosis(f"store disk {node['name']}", well, f"{free >> 20} MB free, high watermark {watermark}", remedy)


_BYTES = {"kb": 10, "mb": 20, "gb": 30, "tb": 40, "pb": 50, "b": 0}


def _least_free(watermark: str, headroom: str, total: int) -> float:
    """Return the free bytes that a watermark leaves: a size, or a share of the disk, at most its headroom (-1: any)."""
    if (size := _size(watermark)) is not None:
        return size
    used = float(watermark[:-1]) / 100 if watermark.endswith("%") else float(watermark)
    most = _size(headroom)
    return total * (1 - used) if most is None else min(total * (1 - used), most)


def _size(text: str) -> float | None:
    """Return the bytes of a size; None if it has no unit."""
    for unit, shift in _BYTES.items():
        if text.lower().endswith(unit):
            return float(text[: -len(unit)]) * (1 << shift)
    return None


def _refused(client: Client, stream: str) -> Diagnosis:
    params = {"ignore_unavailable": "true"}
    number = client.call("POST", f"/{stream}/_count", {"query": {"exists": {"field": REFUSED}}}, params=params)["count"]
    return Diagnosis("store refusals", True, f"{number} events, kept; {REFUSED} says why" if number else "none")
