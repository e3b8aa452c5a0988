"""Syslog: one listener, UDP, TCP or TLS. What is kept is the whole message; its header is read with its format.

Pages: RFC 5424, 3164 (messages), 6587 (TCP), 5425 (TLS), 5426 (UDP). Accepted = committed to the spool: TCP has no
answer, so what was in flight in a crash is lost. A full spool stops the reading of TCP; UDP counts what it drops.
The sender's address is part of a record's place; nothing that a message says chooses its tenant.
"""

import asyncio
import secrets
import ssl
from asyncio import Event as Stop
from pathlib import Path
from typing import Literal

from pydantic import Field, IPvAnyNetwork, model_validator

from hinomi import log
from hinomi.collectors.doors import DatagramDoor, StreamDoor
from hinomi.collectors.inbox import Inbox
from hinomi.collectors.sources import Batch, Sink, SourceContext, own_settings, sources
from hinomi.errors import ConfigError
from hinomi.settings import Listener

MOST_RECORDS, MOST_BYTES = 5000, 1 << 20


class SyslogSettings(Listener):
    """Keys of a source of kind syslog."""

    listen: str = Field(description="HOST:PORT; one source is one listener.")
    transport: Literal["udp", "tcp", "tls"] = Field(default="tcp", description="udp, tcp or tls.")
    certificate: Path | None = Field(
        default=None, description="PEM file of the server's certificate and its chain (tls)."
    )
    key: Path | None = Field(default=None, description="PEM file of its private key (tls).")
    client_ca: Path | None = Field(
        default=None, description="PEM file: only senders with a certificate of these (tls)."
    )
    allow: tuple[IPvAnyNetwork, ...] = Field(default=(), description="Networks that may send, as CIDR; empty = any.")
    max_line: int = Field(default=65_536, ge=480, le=16 << 20, description="Bytes of one message; a longer one is cut.")
    max_connections: int = Field(default=500, ge=1, description="Connections at one time.")
    idle: float = Field(default=3600.0, gt=0, description="Seconds without a whole message that end a connection.")

    @model_validator(mode="after")
    def _fits_its_transport(self) -> "SyslogSettings":
        if self.transport == "tls" and not (self.certificate and self.key):
            raise ValueError("transport tls needs certificate and key")
        if self.transport != "tls" and (self.certificate or self.key or self.client_ca):
            raise ValueError('certificate, key and client_ca belong to transport = "tls"')
        return self


@sources.register("syslog")
class SyslogSource:
    """One listener and the one task that makes durable what it brings."""

    keys = SyslogSettings

    def __init__(self, context: SourceContext):
        self.own = own_settings(SyslogSettings, context)
        self.name, self._trusted = context.name, context.settings.trusted_for_containment
        self._tls = _tls(self.own, context) if self.own.transport == "tls" else None

    async def run(self, sink: Sink, stop: Stop) -> None:
        """Receive until ``stop``; what came before it is put, if there is room."""
        own, inbox = self.own, Inbox()
        if self._trusted and not own.client_ca and not own.allow:
            log.get().warning("syslog.trusts_anyone", source=self.name, hint="set allow, or client_ca with tls")
        door: DatagramDoor | StreamDoor
        if own.transport == "udp":
            door = DatagramDoor(self.name, own.address, inbox, own.allow, sink.dropped)
        else:
            door = StreamDoor(
                self.name, own.address, inbox, own.allow, self._tls, own.max_line, own.max_connections, own.idle
            )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pour(inbox, sink))
            await door.serve(stop)
            inbox.close()

    @staticmethod
    async def _pour(inbox: Inbox, sink: Sink) -> None:
        """Put what arrives; its number, in the series that this source began, is committed with it."""
        series = (sink.state("series") or secrets.token_hex(4).encode()).decode()
        number = int(sink.state("next") or 0)
        while messages := await inbox.take(MOST_RECORDS, MOST_BYTES):
            records = [(f"{sender} {series}:{number + n}", raw) for n, (sender, raw) in enumerate(messages)]
            number += len(records)
            await sink.put(Batch(records, {"series": series.encode(), "next": str(number).encode()}))


def _tls(own: SyslogSettings, context: SourceContext) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION
    certificate, key = (context.all.resolve(path) for path in (own.certificate or "", own.key or ""))
    try:
        made.load_cert_chain(certificate, key, password="")  # never asks on a terminal
    except (OSError, ssl.SSLError) as error:
        hint = "PEM; the key must belong to the first certificate of the file, and be readable without a password"
        raise ConfigError(f"certificate or key ({key}): {error}", where=certificate, hint=hint) from error
    if own.client_ca:
        path = context.all.resolve(own.client_ca)
        try:
            made.load_verify_locations(path)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"client_ca: {error}", where=path, hint="a PEM file of CA certificates") from error
        made.verify_mode = ssl.CERT_REQUIRED
    return made
