"""The event store on Elasticsearch: one data stream of our own, the same answers as the lake.

A flush is bulk `create` by ``event.id``, one refresh, then its position: a replay finds what is in and adds nothing. An
id is told twice only within one index of the stream, so blocks whose outcome is uncertain are looked up over all of them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson

from hinomi import log
from hinomi.clock import iso, parse_iso
from hinomi.errors import ConflictError
from hinomi.event import Event
from hinomi.events import Aggregate, Bucket, Diagnosis, Flush, Found, Query, paging, stores
from hinomi.events.candidates import Filter
from hinomi.events.elasticsearch import asking, counting, creating, keeping
from hinomi.events.elasticsearch.client import Client, ElasticError, Keys
from hinomi.events.elasticsearch.documents import bare, document, event_of, micros
from hinomi.events.elasticsearch.mapping import TIME, indexable, mappings, template
from hinomi.events.opening import own_keys, writers_lock
from hinomi.events.types import columns_for, kind_of
from hinomi.settings import Settings
from hinomi.tenancy import Grant

#: An answer is whole or an error, and a stream that is not there yet is an empty one.
WHOLE = {"ignore_unavailable": "true", "allow_no_indices": "true", "allow_partial_search_results": "false"}


@stores.register("elasticsearch")
class Elasticsearch:
    """The data stream ``logs-PREFIX.events-default`` and the index ``PREFIX-positions``."""

    keys = Keys

    def __init__(self, settings: Settings, *, writable: bool = False, fields: frozenset[str] = frozenset()):
        keys = own_keys(Keys, settings)
        self.stream, self._positions = f"logs-{keys.prefix}.events-default", f"{keys.prefix}-positions"
        self.failpoint: Callable[[str], None] = lambda _: None
        self._client = Client(keys, settings)
        self._retention, self._shards = settings.store.retention_days, keys.shards
        self._refused = settings.data / "refused.jsonl"
        self._kinds = {name: kind_of(name) for name in indexable(columns_for(fields))}
        self._prepared = False
        self._sure: dict[str, int] = {}
        self._lock = writers_lock(settings.data / "elasticsearch" / "writer.lock", "event store") if writable else None

    # --- writing ----------------------------------------------------------------------------------

    def position(self, app_id: str) -> int:
        """Return the number of the last block that is in."""
        try:
            found = self._client.call("GET", f"/{self._positions}/_doc/{quote(app_id, safe='')}")
        except ElasticError as error:
            if error.code == 404:
                return 0
            raise
        return int(found["_source"]["seq"])

    def append(self, flush: Flush) -> None:
        """Create the flush's events and make them visible, then move the position; blocks that are in already are dropped."""
        if self._lock is None:
            raise ConflictError("this event store was opened to read", where=self.stream)
        self._prepare()
        known = self._sure.pop(flush.app_id, None)  # until this one is in, nothing is sure
        done = self.position(flush.app_id) if known is None else known
        left = [(seq, events) for seq, events in flush.blocks if seq > done]
        if left:
            events = {event["event.id"]: event for _, found in left for event in found}
            if known is None and events:
                for name in creating.there(self._client, self.stream, list(events)):
                    del events[name]
            self._create(events)
            self.failpoint("elasticsearch.after_events")
            done = left[-1][0]
            self._client.call("PUT", f"/{self._positions}/_doc/{quote(flush.app_id, safe='')}", {"seq": done})
        self._sure[flush.app_id] = done

    def _prepare(self) -> None:
        """Put the template, and the mapping onto what is there: fields that new rules read are indexed from now on."""
        if self._prepared:
            return
        self._client.call("PUT", f"/_index_template/{self.stream}", template(self.stream, self._kinds, self._shards))
        index = {
            "settings": {"auto_expand_replicas": "0-1"},
            "mappings": {"dynamic": False, "properties": {"seq": {"type": "long"}}},
        }
        self._tolerate({400}, "PUT", f"/{self._positions}", index)  # 400: it is there
        mapping = f"/{self.stream}/_mapping?write_index_only=true"
        if self._tolerate({400, 404}, "PUT", mapping, mappings(self._kinds)) == 400:
            self._client.call("POST", f"/{self.stream}/_rollover")  # a type has changed: for a new index only
        self._prepared = True

    def _tolerate(self, codes: set[int], method: str, path: str, body: Any = None) -> int:
        """Ask; return the status if it is one of ``codes``, 200 if it went well."""
        try:
            self._client.call(method, path, body)
        except ElasticError as error:
            if error.code not in codes:
                raise
            return error.code
        return 200

    def _create(self, events: Mapping[str, Event]) -> None:
        if not events:
            return
        documents = [
            (name, orjson.dumps(document(event, self._kinds, self._retention))) for name, event in events.items()
        ]
        if refused := creating.create(self._client, self.stream, documents):
            self._keep(events, refused)
        self._client.call("POST", f"/{self.stream}/_refresh")

    def _keep(self, events: Mapping[str, Event], refused: Sequence[creating.Refused]) -> None:
        """Keep what was refused for good: whole and marked in the index, or beside it if the server takes no such size."""
        kinds = sorted({reason.partition(":")[0] for _, _, reason in refused})  # the rest quotes what is in the events
        log.get().warning("elasticsearch.refused", events=len(refused), kinds=kinds)
        again = []
        for name, status, reason in refused:
            again.append((name, orjson.dumps(bare(events[name], self._retention, reason, whole=status != 413))))
            if status == 413:
                keeping.beside(self._refused, events[name], reason)
        if left := creating.create(self._client, self.stream, again):
            raise ElasticError(
                f"{len(left)} events are refused in every form: {left[0][2].partition(':')[0]}",
                left[0][1],
                where=self._client.where,
            )

    # --- reading ----------------------------------------------------------------------------------

    def _fetch(self, asked: asking.Dsl, after: paging.After | None, size: int, *, oldest_first: bool) -> list[Event]:
        order = "asc" if oldest_first else "desc"
        sort = [
            {TIME: {"order": order, "unmapped_type": "long"}},
            {"event.id": {"order": order, "unmapped_type": "keyword"}},
        ]
        body: dict[str, Any] = {"query": asked, "sort": sort, "size": size, "track_total_hits": False}
        if after is not None:
            body["search_after"] = [micros(after[0]), after[1]]
        answer = self._client.call("POST", f"/{self.stream}/_search", body, params=WHOLE)
        return [event_of(hit["_source"]) for hit in answer["hits"]["hits"]]

    def _page(self, query: Query, after: paging.After | None, limit: int) -> list[Event]:
        return self._fetch(asking.condition(query), after, limit, oldest_first=query.oldest_first)

    def search(self, query: Query) -> Found:
        """Return one page."""
        return paging.search(self._page, query)

    def scan(self, query: Query) -> Iterator[list[Event]]:
        """Yield everything of a query, a page at a time."""
        return paging.scan(self._page, query)

    def candidates(self, filter: Filter, since: str, until: str, grant: Grant) -> Iterator[list[Event]]:
        """Yield candidates, oldest first, a page at a time."""
        bounds = asking.within(Query(grant, since, until))
        asked = asking.all_of([*bounds, asking.wanted(filter)])
        after: paging.After | None = None
        while True:
            try:
                batch = self._fetch(asked, after, paging.PAGE, oldest_first=True)
            except ElasticError as error:
                if error.code != 400 or asked == asking.all_of(bounds):
                    raise
                log.get().warning("elasticsearch.filter_refused", error=str(error))  # too much of it: everything, then
                asked = asking.all_of(bounds)
                continue
            if batch:
                after = paging.place_of(batch[-1])
                yield batch
            if len(batch) < paging.PAGE:
                return

    def aggregate(self, aggregate: Aggregate) -> list[Bucket]:
        """Count by mapped fields; by lists as wholes, as the lake does it."""
        named = [*aggregate.by, *(term.field for term in aggregate.query.terms if term.field)]
        condition = asking.counted(aggregate.query)
        if named and not counting.are_mapped(self._client, self.stream, named):
            return []
        if any(kind_of(name) == "list" for name in aggregate.by):
            return self._count_lists(aggregate, condition)
        return counting.count(self._client, self.stream, aggregate, condition, WHOLE)

    def _count_lists(self, aggregate: Aggregate, condition: asking.Dsl) -> list[Bucket]:
        counts: Counter[str] = Counter()
        spans: dict[str, tuple[str, str]] = {}
        after: paging.After | None = None
        while batch := self._fetch(condition, after, paging.PAGE, oldest_first=True):
            after = paging.place_of(batch[-1])
            for event in batch:
                key = orjson.dumps(counting.key_of_event(event, aggregate.by)).decode()
                counts[key] += 1
                spans[key] = (spans.get(key, (event["@timestamp"],))[0], event["@timestamp"])
        return [Bucket(tuple(orjson.loads(key)), n, *spans[key]) for key, n in counts.most_common(aggregate.limit)]

    # --- keeping house ------------------------------------------------------------------------------

    def expire(self, now: str, retention: Mapping[str, int]) -> int:
        """Drop what is past its time, whole days of it: whole indices where all of one is, else event by event."""
        kept = keeping.classes(self._client, self.stream, WHOLE)
        today = parse_iso(now).replace(hour=0, minute=0, second=0, microsecond=0)
        limits = {days: micros(iso(today - timedelta(days=retention.get(str(days), days)))) for days in kept}
        return keeping.expire(self._client, self.stream, limits)

    def maintain(self) -> None:
        """Begin a new index where the present one is old or large."""
        conditions = {"conditions": keeping.ROLLOVER}
        self._tolerate({400, 404}, "POST", f"/{self.stream}/_rollover", conditions)  # there is none yet

    def diagnose(self) -> Iterator[Diagnosis]:
        """Look at the server, its disk, and what it refused."""
        return keeping.diagnose(self._client, self.stream)

    def close(self) -> None:
        """Close the connections, and let go of the writer's lock."""
        self._client.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
