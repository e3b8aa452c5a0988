"""ECS documents as other programs write them: one JSON object a record, nested or with dotted names.

Format: elastic.co/docs/reference/ecs (``@timestamp`` and ``event.*``, or ``ecs.version``). Documents of Windows event
logs (``winlog``) are left to `windows.eventlog`, which knows what their data means. What the sender wrote below
``hinomi.`` is not taken over: who a host belongs to is for the directory to say.
"""

from collections.abc import Sequence

from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.values import loads
from hinomi.event import Event, RawRecord, flat


@formats.register("ecs.document")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one document; any other JSON is left to the next format."""
    raw = record.raw.lstrip()
    if not raw.startswith((b"{", b"\xef\xbb\xbf{", b"\xff\xfe")):
        return ()
    value, repaired = loads(decode(raw, record.encoding).text.lstrip("\ufeff"))
    if not isinstance(value, dict) or "@timestamp" not in value:
        return ()
    names = {name.partition(".")[0] for name in value}
    if "winlog" in names or not names & {"event", "ecs"}:
        return ()
    event: Event = {name: item for name, item in flat(value) if not name.startswith("hinomi.")}
    event.setdefault("event.kind", "event")
    event.setdefault("event.module", str(event.get("event.dataset", "ecs")).partition(".")[0])
    event.setdefault("event.dataset", f"{event['event.module']}.document")
    if repaired:
        event["hinomi.original.repaired"] = repaired
    return (event,)
