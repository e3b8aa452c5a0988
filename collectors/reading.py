"""From a spooled block to events: the one pure function that worker and storer share.

Format → values made safe → identity → directory. What no format takes is kept whole and marked;
nothing that a record holds can make this raise.
"""

import base64
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from hinomi import log
from hinomi.clock import from_micros, iso, parse_iso
from hinomi.collectors.decoding import decode
from hinomi.collectors.envelopes import Envelope, envelopes
from hinomi.collectors.formats import Format, formats
from hinomi.collectors.values import all_safe, clean
from hinomi.directory import Directory
from hinomi.errors import UnknownComponentError
from hinomi.event import Block, Event, RawRecord, event_id
from hinomi.settings import Settings, SourceSettings

#: What a format may write below ``hinomi.``; everything else there is ours.
ALLOWED = frozenset(f"hinomi.egress.{name}" for name in ("channel", "verdict", "destination", "bytes"))
MOST_FIELDS = 1000
WRITTEN = len("2026-11-21T11:58:49.123456Z")


class Reader:
    """Reads the blocks of the sources that the settings name."""

    def __init__(self, settings: Settings):
        """Look the sources' formats up."""
        self._sources = settings.sources
        self._formats: dict[str, list[tuple[str, Format]]] = {}

    def _of(self, source: str) -> list[tuple[str, Format]]:
        if source not in self._formats:
            named = self._sources[source].formats if source in self._sources else ()
            try:
                found = [(name, formats.get(name)) for name in named] or list(formats)
            except UnknownComponentError as error:
                log.get().error("reading.no_format", source=source, error=str(error))
                found = list(formats)
            self._formats[source] = found
        return self._formats[source]

    def read_block(self, block: Block, directory: Directory) -> list[Event]:
        """Return the events of a block, enriched; at least one a record."""
        events: list[Event] = []
        for found in self.read_each(block, directory):
            events += found
        return events

    def read_each(self, block: Block, directory: Directory) -> Iterator[list[Event]]:
        """Yield the events of each record of a block."""
        settings = self._sources.get(block.source)
        encoding, zone, header = (
            (settings.encoding, settings.zone, settings.header) if settings else ("", "Asia/Tokyo", "")
        )
        ceiling = settings.tenant if settings else ""
        candidates = self._of(block.source)
        envelope = envelope_of(settings)
        for record in block.records(encoding=encoding, zone=zone, header=header):
            yield self._read(record, candidates, envelope, directory, ceiling, settings)

    def _read(
        self,
        record: RawRecord,
        candidates: Sequence[tuple[str, Format]],
        envelope: Envelope | None,
        directory: Directory,
        ceiling: str,
        settings: SourceSettings | None,
    ) -> list[Event]:
        made = []
        for index, raw_event in enumerate(_parse(record, candidates, envelope)):
            event = _finish(raw_event, record, index)
            if settings is not None and settings.retention_days:
                event["hinomi.retention"] = settings.retention_days
            directory.enrich(event, ceiling)
            made.append(event)
        return made


def envelope_of(settings: SourceSettings | None) -> Envelope | None:
    """Return what the records of a source travel in: as it says, else what is named like its kind."""
    if settings is None:
        return None
    if settings.envelope:
        return envelopes.get(settings.envelope)
    return envelopes.get(settings.kind) if settings.kind in envelopes else None


def _parse(
    record: RawRecord, candidates: Sequence[tuple[str, Format]], envelope: Envelope | None = None
) -> Sequence[Event]:
    """Return the events of a record, at least one; what the envelope said is in each that does not say it itself."""
    if envelope is None:
        found, faults = _try(record, candidates)
        return found or [_unparsed(faults)]
    payloads, facts = envelope(record)
    for payload in payloads:
        found, faults = _try(msgspec.structs.replace(record, raw=payload, facts=facts), candidates)
        if found:
            break
    else:
        found = [{**_unparsed(faults), "message": decode(payloads[0], record.encoding).text}]
    for event in found:
        for name, value in facts.items():
            if event.get(name) in (None, ""):
                event[name] = value
    return found


def _try(record: RawRecord, candidates: Sequence[tuple[str, Format]]) -> tuple[list[Event], list[str]]:
    faults: list[str] = []
    for name, parse in candidates:
        try:
            if events := parse(record):
                return list(events), faults
        except Exception as error:  # noqa: BLE001 - a format of anybody's: its fault marks the record, the stream goes on
            faults.append(f"{name}: {type(error).__name__}")
            log.get().error("reading.format_failed", format=name, error=type(error).__name__)
    return [], faults


def _unparsed(faults: list[str]) -> Event:
    event: Event = {"event.module": "hinomi", "event.dataset": "hinomi.unparsed", "event.kind": "pipeline_error"}
    if faults:
        event["error.message"] = "; ".join(faults)
    return event


def _finish(raw_event: Event, record: RawRecord, index: int) -> Event:
    """Return the event with safe values, its identity and its origin."""
    repaired: list[str] = list(raw_event.pop("hinomi.original.repaired", ()))
    truncated: list[str] = []
    event: Event = {}
    if len(raw_event) <= MOST_FIELDS and all_safe(raw_event.values()) and "hinomi." not in " ".join(raw_event):
        event.update(raw_event)  # nearly always
        raw_event = {}
    for name, value in raw_event.items():
        if name.startswith("hinomi.") and name not in ALLOWED:
            event["event.kind"] = "pipeline_error"
            event["error.message"] = f"a format may not write {name[:100]}"
        elif len(event) >= MOST_FIELDS:
            truncated.append("*")
            break
        elif value is not None and (kept := clean(value, name, repaired, truncated)) not in (None, []):
            event[name] = kept
    vendor_id = event.pop("event.id", None)
    if vendor_id is not None:
        event["hinomi.vendor_id"] = str(vendor_id)
    identity = str(vendor_id) if vendor_id is not None else record.place
    event["event.id"] = event_id(record.source, identity, record.raw, index)
    _keep_time(event, record, repaired)
    event["event.ingested"] = _received(record.received)
    event["hinomi.source"] = record.source
    _keep_original(event, record, truncated)
    if repaired:
        event["hinomi.original.repaired"] = sorted(set(repaired))
    if truncated:
        event["hinomi.truncated"] = sorted(set(truncated))
    return event


@lru_cache(64)
def _received(micros: int) -> str:
    """Return a block's time of receipt, which all its records share."""
    return iso(from_micros(micros))


def _keep_time(event: Event, record: RawRecord, repaired: list[str]) -> None:
    """Bring ``@timestamp`` to the one form times are kept in; what is no time becomes that of receipt, and is marked."""
    given = event.get("@timestamp")
    try:
        moment = parse_iso(str(given))
        if not (type(given) is str and len(given) == WRITTEN and given[19] == "." and given[26] == "Z"):
            event["@timestamp"] = iso(moment)
    except (ValueError, OverflowError):
        event["@timestamp"] = _received(record.received)
        if given is not None:
            repaired.append("@timestamp")


def _keep_original(event: Event, record: RawRecord, truncated: list[str]) -> None:
    decoded = decode(record.raw, record.encoding)
    repaired: list[str] = []
    event["event.original"] = clean(decoded.text, "event.original", repaired, truncated)
    event["hinomi.original.encoding"] = decoded.encoding
    if not decoded.faithful or repaired or "event.original" in truncated:
        event["hinomi.original.base64"] = base64.b64encode(record.raw).decode()


def explain(record: RawRecord, name: str | None = None, envelope: str = "") -> list[dict[str, Any]]:
    """Return what a format (None: the first that takes it) makes of a record, for `hinomi format try`."""
    candidates = [(name, formats.get(name))] if name else list(formats)
    found = _parse(record, candidates, envelopes.get(envelope) if envelope else None)
    return [_finish(event, record, index) for index, event in enumerate(found)]
