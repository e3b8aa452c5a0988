"""Formats: one module per vendor format, a function from a raw record to ECS events.

"Not mine" is an empty result, never an exception. A format writes ECS names with dots, always
``event.module``, ``event.dataset`` and ``@timestamp``, and of ``hinomi.*`` only
``hinomi.egress.{channel,verdict,destination,bytes}``; a vendor's own id goes into ``event.id``
(`hinomi.collectors.reading` moves it to ``hinomi.vendor_id``). Outsiders: entry points ``hinomi.formats``.
"""

from collections.abc import Callable, Sequence

from hinomi.event import Event, RawRecord
from hinomi.registry import Registry

Format = Callable[[RawRecord], Sequence[Event]]

formats: Registry[Format] = Registry("format", __name__)
