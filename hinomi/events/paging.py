"""Pages of a query over any store: the store gives candidates in order, the verdict on each is Python's."""

import json
from collections.abc import Callable, Iterator

from hinomi.clock import parse_iso
from hinomi.errors import ConfigError
from hinomi.event import Event
from hinomi.events import Found, Query
from hinomi.events.terms import fits

PAGE = 2000
After = tuple[str, str]
"""Time and id of the last event of the page before."""
Fetch = Callable[[Query, After | None, int], list[Event]]
"""Returns at most so many events of a query after a place, in the order of (time, id)."""


def search(fetch: Fetch, query: Query) -> Found:
    """Return one page."""
    found: list[Event] = []
    after, size = _read(query.cursor), min(max(query.limit, 200), PAGE)
    while True:
        batch = fetch(query, after, size)
        for event in batch:
            after = place_of(event)
            if fits(event, query.terms):
                found.append(event)
                if len(found) == query.limit:
                    return Found(found, json.dumps(after))
        if len(batch) < size:
            return Found(found, None)


def scan(fetch: Fetch, query: Query) -> Iterator[list[Event]]:
    """Yield everything of a query, a page at a time."""
    after = _read(query.cursor)
    while batch := fetch(query, after, PAGE):
        after = place_of(batch[-1])
        if wanted := [event for event in batch if fits(event, query.terms)]:
            yield wanted
        if len(batch) < PAGE:
            return


def place_of(event: Event) -> After:
    """Return an event's place in the order."""
    return event["@timestamp"], event["event.id"]


def _read(cursor: str | None) -> After | None:
    if cursor is None:
        return None
    try:
        moment, event_id = json.loads(cursor)
        parse_iso(moment)
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{cursor!r} is no cursor", hint="it comes from the page before") from error
    return moment, str(event_id)
