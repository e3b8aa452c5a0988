"""Writing documents in bulk: created once by id; what is full is waited for, what is refused for good is handed back.

API: elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk. 201: in; 409: it was in already; 429 and 503: again
after a pause; 400: this document's own fault; everything else is nobody's fault here, and an error.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

from hinomi.events.elasticsearch.client import Client, ElasticError, told_reason
from hinomi.events.elasticsearch.documents import lines

Document = tuple[str, bytes]
Refused = tuple[str, int, str]
"""Id, status (400, or 413: larger than the server takes) and reason."""

MOST, MOST_BYTES = 1000, 8 << 20
IN_FLIGHT = 2
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between tries; after the last one the caller waits, and the spool is the buffer."""
_ANSWER = {"filter_path": "errors,items.*.status,items.*.error", "timeout": "10s"}


def create(client: Client, stream: str, documents: Sequence[Document]) -> list[Refused]:
    """Create all documents; return those that were refused for good.

    Raises:
        ElasticError: If some were neither taken nor refused; the same call may be made again.
    """
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return list(chain.from_iterable(pool.map(lambda part: _part(client, stream, part), _parts(documents))))


def _parts(documents: Sequence[Document]) -> Iterator[list[Document]]:
    part: list[Document] = []
    size = 0
    for document in documents:
        if part and (len(part) == MOST or size + len(document[1]) > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(document)
        size += len(document[1])
    if part:
        yield part


def _part(client: Client, stream: str, documents: list[Document]) -> list[Refused]:
    refused: list[Refused] = []
    for pause in (*PAUSES, None):
        try:
            documents, found, why = _once(client, stream, documents)
        except ElasticError as error:
            if error.code == 413:
                return refused + _smaller(client, stream, documents, str(error))
            if not error.busy or pause is None:
                raise
        else:
            refused += found
            if not documents:
                return refused
            if pause is None:
                raise ElasticError(f"{len(documents)} events were not taken: {why}", 429, where=client.where)
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _once(client: Client, stream: str, documents: list[Document]) -> tuple[list[Document], list[Refused], str]:
    """Send documents once; return those to send again, those refused, and why the former were not taken."""
    answer = client.call("POST", f"/{stream}/_bulk", lines(documents), params=_ANSWER)
    again: list[Document] = []
    refused: list[Refused] = []
    why = ""
    for document, item in zip(documents, answer["items"], strict=True):
        status, error = int(item["create"]["status"]), item["create"].get("error")
        if status in (200, 201, 409):
            continue
        reason = told_reason(error)
        if status in (429, 503):
            again.append(document)
            why = reason
        elif status == 400:
            refused.append((document[0], status, reason))
        else:
            raise ElasticError(f"an event was answered {status}: {reason}", status, where=client.where)
    return again, refused, why


def _smaller(client: Client, stream: str, documents: list[Document], reason: str) -> list[Refused]:
    """Send in halves what was too large for one request."""
    if len(documents) == 1:
        return [(documents[0][0], 413, reason)]
    half = len(documents) // 2
    return _part(client, stream, documents[:half]) + _part(client, stream, documents[half:])


def there(client: Client, stream: str, names: Sequence[str]) -> set[str]:
    """Return which of these ids any index of the stream has: an id is told twice only within one of them."""
    found: set[str] = set()
    gone = {"ignore_unavailable": "true", "allow_partial_search_results": "false"}
    client.call("POST", f"/{stream}/_refresh", params={"ignore_unavailable": "true"})
    for first in range(0, len(names), MOST):
        part = list(names[first : first + MOST])
        body: dict[str, Any] = {
            "query": {"ids": {"values": part}},
            "_source": False,
            "size": 10_000,
            "track_total_hits": False,
        }
        answer = client.call("POST", f"/{stream}/_search", body, params=gone)
        found.update(hit["_id"] for hit in answer["hits"]["hits"])
    return found
