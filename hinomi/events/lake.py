"""The embedded event store: two Delta tables (events, egress), one fenced writer, any number of readers.

delta-rs records app transactions but does not refuse a second commit of one version: the writer holds a
lock, reads `transaction_version` at its start and after an uncertain commit, and drops blocks at or below
it. delta-rs does not fsync: data files, log entry and folders are synced here before `append` returns.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from hinomi.events.types import CORE, MOST
from hinomi.settings import Settings
from hinomi.tenancy import Grant

TABLES = ("events", "egress")
CHECKPOINT_EVERY = 50


@stores.register("lake")
class Lake:
    """Delta tables below ``<data>/lake``."""

    def __init__(self, settings: Settings, *, writable: bool = False, fields: frozenset[str] = frozenset()):
        own_keys(NoKeys, settings)
        self.folder = settings.data / "lake"
        self.failpoint: Callable[[str], None] = lambda _: None
        self._retention = settings.store.retention_days
        self._tables: dict[str, DeltaTable] = {}
        more = sorted(name for name in fields if name not in CORE and not name.startswith("sigma."))
        self.columns = (*CORE, *more)[:MOST]
        self._lock = writers_lock(self.folder / "writer.lock", "lake") if writable else None

    # --- writing ----------------------------------------------------------------------------------

    def position(self, app_id: str) -> int:
        """Return the number of the last block that both tables have."""
        table = self._table("events")
        return int(table.transaction_version(app_id) or 0) if table is not None else 0

    def append(self, flush: Flush) -> None:
        """Commit the flush's rows, egress first; blocks that are in already are dropped."""
        if self._lock is None:
            raise ConflictError("this lake was opened to read", where=self.folder)
        try:
            self._append(flush)
        except DeltaError as error:  # a full disk, a table that cannot be read: nothing was lost, it may be tried again
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
            f"SELECT * FROM {query.table} WHERE {where} ORDER BY {quote('@timestamp')} {order}, {quote('event.id')} {order} LIMIT {limit}",  # noqa: S608
        )
        return [event_of(row) for row in rows]

    def _names(self, name: str) -> set[str]:
        table = self._table(name)
        return {field.name for field in table.schema().fields} if table is not None else set()

    def scan(self, query: Query) -> Iterator[list[Event]]:
        """Yield everything of a query, a page at a time."""
        return paging.scan(self._page, query)

    def candidates(self, filter: Filter, since: str, until: str, grant: Grant) -> Iterator[list[Event]]:
        """Yield candidates a day at a time, as the table's files give them: nothing is sorted or gathered."""
        columns, table = self._names("events"), self._table("events")
        if table is None or not columns:
            return
        wanted = filter_sql(filter, columns)
        for day in sorted({str(partition["day"]) for partition in table.partitions()}):
            start = f"{day}T00:00:00.000000Z"
            bounds = Query(grant, max(since, start), min(until, iso(parse_iso(start) + timedelta(days=1))))
            if bounds.since >= bounds.until:
                continue
            sql = f"SELECT * FROM events WHERE {condition_sql(bounds, columns)} AND {wanted}"  # noqa: S608 - quoted parts
            for batch in QueryBuilder().register("events", table).execute(sql):
                rows = pa.record_batch(batch).to_pylist()
                for first in range(0, len(rows), paging.PAGE):
                    yield [event_of(row) for row in rows[first : first + paging.PAGE]]

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
        gone = 0
        for name in TABLES:
            table = self._table(name)
            if table is None:
                continue
            for partition in table.partitions():
                days = retention.get(str(partition["retention"]), int(partition["retention"]))
                limit = (parse_iso(now) - timedelta(days=days)).strftime("%Y-%m-%d")
                if str(partition["day"]) < limit:
                    table.delete(
                        f"day = {text(str(partition['day']))} AND retention = {text(str(partition['retention']))}"
                    )
                    gone += 1
            table.vacuum(retention_hours=24, dry_run=False, enforce_retention_duration=False)
        return gone

    def maintain(self) -> None:
        """Compact small files and clean the log, in a child that ends: its memory goes with it."""
        for name in TABLES:
            if self._table(name) is not None:
                subprocess.run(  # noqa: S603 - our own module
                    [sys.executable, "-m", "hinomi.events.compacting", str(self.folder / name)],
                    check=False,
                    timeout=1800,
                )

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


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
