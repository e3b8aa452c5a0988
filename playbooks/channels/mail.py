"""Mail: one text message to one address over SMTP.

Speaks SMTP through aiosmtplib; a 5xx answer means this address or server will not do (tell somebody
else), anything else (4xx, no connection, no answer in 10 s) may be tried again with the same Message-ID.
"""

import re
import socket
import ssl
from base64 import encodebytes
from email.charset import BASE64, Charset
from email.errors import HeaderParseError
from email.header import Header
from email.headerregistry import Address
from email.utils import formatdate
from functools import lru_cache

import aiosmtplib

from hinomi.playbooks.channels import ChannelError, Message, channels
from hinomi.playbooks.channels.smtp import Lines
from hinomi.settings import Mail, Settings

TIMEOUT = 10.0
PERMANENT = 500
LINE = 74
"""Characters of a header line that need no folding."""
_BASE64 = Charset("utf-8")
_BASE64.header_encoding = BASE64
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_FORM = {
    "MIME-Version": "1.0", "Content-Type": 'text/plain; charset="utf-8"', "Content-Transfer-Encoding": "base64",
}  # fmt: skip
_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")


def one_line(text: str) -> str:
    """Return text that cannot start another header line."""
    return _BREAKS.sub(" ", text).strip()


@lru_cache(maxsize=1024)
def address(text: str) -> str:
    """Return a mail address as it is written in a mail.

    Raises:
        ChannelError: If it is none (permanent).
    """
    try:
        found = Address(addr_spec=text.strip())
    except (HeaderParseError, ValueError, IndexError) as error:
        raise ChannelError("the address is not a mail address", permanent=True) from error
    if not found.username or not found.domain or _BREAKS.search(text):
        raise ChannelError("the address is not a mail address", permanent=True)
    return found.addr_spec


def message_id(id: str, sender: str) -> str:
    """Return the Message-ID of a message: its own id, at the sender's domain where it names none."""
    if _ID.fullmatch(id):
        return id
    local = re.sub(r"[^A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]", "-", id.strip("<>").partition("@")[0]) or "message"
    return f"<{local}@{sender.rpartition('@')[2] or 'localhost'}>"


def build(message: Message, sender: str) -> bytes:
    """Return the mail: UTF-8 text, encoded subject, a stable Message-ID, marked as automatic.

    It is always of this one form, so it is written out: the standard library's message takes ten times as long.

    Raises:
        ChannelError: If an address is none (permanent).
    """
    lines = {"From": address(sender), "To": address(message.to)}
    if message.cc:
        lines["Cc"] = ",\r\n ".join(address(copy) for copy in message.cc)
    lines["Subject"] = _encoded("Subject", message.subject)
    lines["Message-ID"] = message_id(message.id, sender)
    lines["Date"] = formatdate(usegmt=True)
    lines["Auto-Submitted"] = "auto-generated"
    if message.mark:
        lines["Hinomi-Mark"] = _encoded("Hinomi-Mark", message.mark)
    known = {name.lower() for name in (*lines, *_FORM)}
    lines |= {name: _encoded(name, value) for name, value in message.headers.items() if name.lower() not in known}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **_FORM}.items())
    text = b"".join(line + b"\r\n" for line in message.text.encode().splitlines())
    return head.encode() + b"\r\n" + encodebytes(text).replace(b"\n", b"\r\n")


def _encoded(name: str, text: str) -> str:
    """Return a header's text on its line, or encoded and folded where it is long or not plain (RFC 2047)."""
    text = one_line(text)
    if text.isascii() and "=?" not in text and len(name) + len(text) < LINE:
        return text
    return Header(text, _BASE64, header_name=name).encode(linesep="\r\n")


class MailChannel:
    """The mail server of the settings."""

    name = "mail"

    def __init__(self, settings: Mail):
        """Take the server's settings; ``ca_file`` names a private CA."""
        self._settings = settings
        self._ca_file = settings.own().get("ca_file")
        self._lines = Lines(self._server, settings.connections)

    async def send(self, message: Message) -> str:
        """Send it to its address and copies; return the server's answer.

        Raises:
            ChannelError: If the server did not take it for its address; a refused copy alone is no failure.
        """
        mail = build(message, self._settings.sender)
        sender, to = address(self._settings.sender), [address(one) for one in (message.to, *message.cc)]
        try:
            async with self._lines.one() as server:
                refused, answer = await server.sendmail(sender, to, mail, timeout=TIMEOUT)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise ChannelError(_why(error), permanent=_permanent(error)) from error
        if to[0] in refused:
            response = refused[to[0]]
            raise ChannelError(f"{response.code} {one_line(response.message)}", permanent=response.code >= PERMANENT)
        return one_line(answer) + (f" ({len(refused)} of {len(message.cc)} copies refused)" if refused else "")

    async def close(self) -> None:
        """Hold nothing open."""
        self._lines.close()

    def _server(self) -> aiosmtplib.SMTP:
        s = self._settings
        context = ssl.create_default_context(cafile=self._ca_file) if s.tls != "none" else None
        return aiosmtplib.SMTP(
            hostname=s.host,
            port=s.port,
            timeout=TIMEOUT,
            local_hostname=_own_name(),
            use_tls=s.tls == "tls",
            start_tls=s.tls == "starttls",
            tls_context=context,
            username=s.user or None,
            password=s.password if s.user else None,
        )


@lru_cache(maxsize=1)
def _own_name() -> str:
    """Return how this machine greets: looked up once, not for each message."""
    return socket.getfqdn()


def _why(error: Exception) -> str:
    """Return one line about a failure, without the addresses some servers put into theirs."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "; ".join(f"{one.code} {one_line(one.message)}" for one in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {one_line(error.message)}"
    return one_line(str(error)) or type(error).__name__


def _permanent(error: Exception) -> bool:
    """Tell whether sending again to this address is useless; trouble of log-in, sender or TLS is not the address's."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(one.code >= PERMANENT for one in error.recipients)
    if isinstance(error, (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError)):
        return error.code >= PERMANENT
    return False


@channels.register("mail")
def make(settings: Settings) -> MailChannel | None:
    """Return the mail channel, or None while no server is set."""
    return MailChannel(settings.mail) if settings.mail.host else None
