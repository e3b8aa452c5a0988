"""Envelopes: what records travel in (a syslog header). One module each; outsiders: entry points ``hinomi.envelopes``.

An envelope is opened when a record is read, not when it is received: what is kept is what was sent. A source
has the envelope that it names, else the one that is named like its kind.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hinomi.event import Event, RawRecord
from hinomi.registry import Registry


class Opened(NamedTuple):
    """What formats are to try, in this order (at least one), and what the envelope says, as fields of an event."""

    payloads: Sequence[bytes]
    facts: Event


Envelope = Callable[[RawRecord], Opened]

envelopes: Registry[Envelope] = Registry("envelope", __name__)
