"""The embedded event store: two Delta tables (events, egress), one fenced writer, any number of readers.

delta-rs records app transactions but does not refuse a second commit of one version: the writer holds a
lock, reads `transaction_version` at its start and after an uncertain commit, and drops blocks at or below
it. delta-rs does not fsync: data files, log entry and folders are synced here before `append` returns.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, QueryBuilder, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from hinomi.clock import iso, parse_iso
from hinomi.errors import ConflictError, HinomiError
from hinomi.event import Event
from hinomi.events import Aggregate, Bucket, Diagnosis, Flush, Found, Query, paging, stores
from hinomi.events.candidate_sql import filter_sql
from hinomi.events.candidates import Filter
from hinomi.events.opening import NoKeys, own_keys, writers_lock
from hinomi.events.rows import batch_of, event_of
from hinomi.events.sql import aggregate_sql, condition_sql, quote, text
from hinomi.events.types import columns_for
from hinomi.settings import Settings
from hinomi.tenancy import Grant

TABLES = ("events", "egress")
CHECKPOINT_EVERY = 50
TOGETHER = 10_000
"""Rows of days that a hunt asks for with one query."""


@stores.register("lake")
class Lake:
    """Delta tables below ``<data>/lake``."""

    def __init__(self, settings: Settings, *, writable: bool = False, fields: frozenset[str] = frozenset()):
        own_keys(NoKeys, settings)
        self.folder = settings.data / "lake"
        self.failpoint: Callable[[str], None] = lambda _: None
        self._retention = settings.store.retention_days
        self._tables: dict[str, DeltaTable] = {}
        self.columns = columns_for(fields)
        self._lock = writers_lock(self.folder / "writer.lock", "lake") if writable else None

    # --- writing ----------------------------------------------------------------------------------

    def position(self, app_id: str) -> int:
        """Return the number of the last block that both tables have."""
        return self._version("events", app_id)

    def append(self, flush: Flush) -> None:
        """Commit the flush's rows, egress first; blocks that are in already are dropped."""
        if self._lock is None:
            raise ConflictError("this lake was opened to read", where=self.folder)
        with self._writing():
            self._append(flush)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (DeltaError, subprocess.TimeoutExpired) as error:
            # a full disk, a table that cannot be read: nothing was lost, it may be tried again
            raise HinomiError(f"the lake cannot be written: {error}", where=self.folder) from error

    def _append(self, flush: Flush) -> None:
        for name in ("egress", "events"):
            done = self._version(name, flush.app_id)
            left = [(seq, events) for seq, events in flush.blocks if seq > done]
            if left:
                events = [
                    event
                    for _, found in left
                    for event in found
                    if name == "events" or "hinomi.egress.channel" in event
                ]
                self._commit(name, flush.app_id, left[-1][0], events)
                self.failpoint(f"lake.after_{name}")

    def _version(self, name: str, app_id: str) -> int:
        table = self._table(name)
        return int(table.transaction_version(app_id) or 0) if table is not None else 0

    def _commit(self, name: str, app_id: str, seq: int, events: Sequence[Event]) -> None:
        path = self.folder / name
        events = sorted(events, key=lambda e: (str(e.get("hinomi.host.id", "")), str(e.get("@timestamp", ""))))
        columns = _apart(self.columns, self._names(name))
        batch = batch_of(events, columns, self._retention)
        properties = CommitProperties(app_transactions=[Transaction(app_id, seq)])
        hooks = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
        known = self._table(name)
        try:
            write_deltalake(
                known if known is not None else str(path), batch, mode="append", schema_mode="merge" if known is not None else None,
                partition_by=["day", "retention"], commit_properties=properties, post_commithook_properties=hooks,
                configuration={"delta.logRetentionDuration": "interval 1 day"} if known is None else None,
            )  # fmt: skip
        except (DeltaError, CommitFailedError, OSError):
            self._tables.pop(name, None)
            if self._version(name, app_id) >= seq:  # the commit was there after all
                return
            raise
        table = self._table(name)
        assert table is not None  # noqa: S101 - it was just written
        self._sync(path, table.version())
        if table.version() % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            table.create_checkpoint()

    def _sync(self, path: Path, version: int) -> None:
        entry = path / "_delta_log" / f"{version:020}.json"
        folders = {entry.parent, path}
        for line in entry.read_bytes().splitlines():
            action = orjson.loads(line)
            if "add" in action:
                file = path / unquote(action["add"]["path"])
                _fsync(file)
                folders.update(parent for parent in file.parents if parent.is_relative_to(path))
        _fsync(entry)
        for folder in folders:
            _fsync(folder)

    def _table(self, name: str) -> DeltaTable | None:
        if name in self._tables:
            self._tables[name].update_incremental()
            return self._tables[name]
        if not DeltaTable.is_deltatable(str(self.folder / name)):
            return None
        self._tables[name] = DeltaTable(str(self.folder / name))
        return self._tables[name]

    # --- reading ----------------------------------------------------------------------------------

    def _rows(self, name: str, sql: str) -> list[dict[str, Any]]:
        table = self._table(name)
        if table is None:
            return []
        reader = QueryBuilder().register(name, table).execute(sql)
        return [row for batch in pa.table(reader.read_all()).to_batches() for row in batch.to_pylist()]

    def search(self, query: Query) -> Found:
        """Return one page."""
        return paging.search(self._page, query)

    def _page(self, query: Query, after: paging.After | None, limit: int) -> list[Event]:
        columns = self._names(query.table)
        if not columns:
            return []
        order = "ASC" if query.oldest_first else "DESC"
        where = condition_sql(query, columns)
        if after is not None:
            moment, event_id = after
            sign = ">" if query.oldest_first else "<"
            time, identity = quote("@timestamp"), quote("event.id")
            at = f"TIMESTAMP {text(moment)}"
            where += f" AND ({time} {sign} {at} OR ({time} = {at} AND {identity} {sign} {text(event_id)}))"
        rows = self._rows(
            query.table,
            f"SELECT * FROM {query.table} WHERE {where} ORDER BY {quote('@timestamp')} {order}, {quote('event.id')} {order} LIMIT {limit}",  # noqa: S608 - quoted parts
        )
        return [event_of(row) for row in rows]

    def _names(self, name: str) -> set[str]:
        table = self._table(name)
        return {field.name for field in table.schema().fields} if table is not None else set()

    def scan(self, query: Query) -> Iterator[list[Event]]:
        """Yield everything of a query, a page at a time."""
        return paging.scan(self._page, query)

    def candidates(self, filter: Filter, since: str, until: str, grant: Grant) -> Iterator[list[Event]]:
        """Yield candidates, oldest day first, each batch of one day; small days are asked for together."""
        columns, table = self._names("events"), self._table("events")
        if table is None or not columns:
            return
        wanted = filter_sql(filter, columns)
        reader = QueryBuilder().register("events", table)
        for first, last in _runs(_days(table), since[:10], until[:10]):
            start, end = (f"{day}T00:00:00.000000Z" for day in (first, last))
            bounds = Query(grant, max(since, start), min(until, iso(parse_iso(end) + timedelta(days=1))))
            if bounds.since >= bounds.until:
                continue
            sql = f"SELECT * FROM events WHERE {condition_sql(bounds, columns)} AND {wanted}"  # noqa: S608 - quoted parts
            batches: Iterable[list[dict[str, Any]]] = (
                pa.record_batch(batch).to_pylist() for batch in reader.execute(sql)
            )
            if first != last:  # few rows: put in order of their days
                batches = _by_day(row for rows in batches for row in rows)
            for rows in batches:
                for at in range(0, len(rows), paging.PAGE):
                    yield [event_of(row) for row in rows[at : at + paging.PAGE]]

    def aggregate(self, aggregate: Aggregate) -> list[Bucket]:
        """Count by columns."""
        columns = self._names(aggregate.query.table)
        if not columns:
            return []
        rows = self._rows(aggregate.query.table, aggregate_sql(aggregate, columns))
        return [
            Bucket(
                tuple(row[f"k{n}"] for n in range(len(aggregate.by))), row["n"],
                iso(row["first"]) if row["first"] else None, iso(row["last"]) if row["last"] else None,
            )
            for row in rows
        ]  # fmt: skip

    # --- keeping house ------------------------------------------------------------------------------

    def expire(self, now: str, retention: Mapping[str, int]) -> int:
        """Drop whole (day, retention) partitions that are past their time; their files go a day later."""
        with self._writing():
            return sum(
                self._expire(table, now, retention) for name in TABLES if (table := self._table(name)) is not None
            )

    def _expire(self, table: DeltaTable, now: str, retention: Mapping[str, int]) -> int:
        gone = 0
        for partition in table.partitions():
            days = retention.get(str(partition["retention"]), int(partition["retention"]))
            limit = (parse_iso(now) - timedelta(days=days)).strftime("%Y-%m-%d")
            if str(partition["day"]) < limit:
                table.delete(f"day = {text(str(partition['day']))} AND retention = {text(str(partition['retention']))}")
                gone += 1
        table.vacuum(retention_hours=24, dry_run=False, enforce_retention_duration=False)
        return gone

    def maintain(self) -> None:
        """Compact small files and clean the log, in a child that ends: its memory goes with it."""
        with self._writing():
            for name in TABLES:
                if self._table(name) is not None:
                    command = [sys.executable, "-m", "hinomi.events.compacting", str(self.folder / name)]
                    subprocess.run(command, check=False, timeout=1800)  # noqa: S603 - our own module

    def diagnose(self) -> Iterator[Diagnosis]:
        """Say where it is; the disk's room is looked at for all of the data folder."""
        yield Diagnosis("store", True, f"lake in {self.folder}")

    def close(self) -> None:
        """Let go of the tables and the writer's lock."""
        self._tables.clear()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _apart(columns: Sequence[str], taken: Collection[str]) -> list[str]:
    """Return the columns but those that differ from an earlier one, or one of the table, in case alone: Delta refuses them."""
    first = {name.lower(): name for name in reversed([*taken, *columns])}
    return [name for name in columns if first[name.lower()] == name]


def _days(table: DeltaTable) -> dict[str, int]:
    """Return how many rows each day has, by the table's log; what it does not say counts as many."""
    found: dict[str, int] = {}
    adds = pa.table(table.get_add_actions(flatten=True))
    for day, rows in zip(adds["partition.day"].to_pylist(), adds["num_records"].to_pylist(), strict=True):
        found[str(day)] = found.get(str(day), 0) + (TOGETHER if rows is None else rows)
    return found


def _runs(days: Mapping[str, int], since: str, until: str) -> Iterator[tuple[str, str]]:
    """Yield (first, last) of neighbours among the days of a window that have few rows together.

    A query costs about the same for a day as for a year; windows of years would be little else.
    """
    run: list[str] = []
    rows = 0
    for day in sorted(day for day in days if since <= day <= until):
        if run and rows + days[day] > TOGETHER:
            yield run[0], run[-1]
            run, rows = [], 0
        run.append(day)
        rows += days[day]
    if run:
        yield run[0], run[-1]


def _by_day(rows: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row["day"]), []).append(row)
    return [found[day] for day in sorted(found)]


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
