"""Mail: one text message to one address over SMTP.

Speaks SMTP through aiosmtplib; a 5xx answer means this address or server will not do (tell somebody
else), anything else (4xx, no connection, no answer in 10 s) may be tried again with the same Message-ID.
"""

import re
import socket
import ssl
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from functools import lru_cache

import aiosmtplib

from hinomi.playbooks.channels import ChannelError, Message, channels
from hinomi.settings import Mail, Settings

TIMEOUT = 10.0
PERMANENT = 500
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")


def one_line(text: str) -> str:
    """Return text that cannot start another header line."""
    return _BREAKS.sub(" ", text).strip()


def address(text: str) -> Address:
    """Return a mail address.

    Raises:
        ChannelError: If it is none (permanent).
    """
    try:
        found = Address(addr_spec=text.strip())
    except (HeaderParseError, ValueError, IndexError) as error:
        raise ChannelError("the address is not a mail address", permanent=True) from error
    if not found.username or not found.domain or _BREAKS.search(text):
        raise ChannelError("the address is not a mail address", permanent=True)
    return found


def message_id(id: str, sender: str) -> str:
    """Return the Message-ID of a message: its own id, at the sender's domain where it names none."""
    if _ID.fullmatch(id):
        return id
    local = re.sub(r"[^A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]", "-", id.strip("<>").partition("@")[0]) or "message"
    return f"<{local}@{sender.rpartition('@')[2] or 'localhost'}>"


def build(message: Message, sender: str) -> EmailMessage:
    """Return the mail: UTF-8 text, encoded subject, a stable Message-ID, marked as automatic."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = address(sender)
    mail["To"] = address(message.to)
    if message.cc:
        mail["Cc"] = [address(copy) for copy in message.cc]
    mail["Subject"] = one_line(message.subject)
    mail["Message-ID"] = message_id(message.id, sender)
    mail["Date"] = formatdate(usegmt=True)
    mail["Auto-Submitted"] = "auto-generated"
    if message.mark:
        mail["Hinomi-Mark"] = one_line(message.mark)
    for name, value in message.headers.items():
        if name.lower() not in {key.lower() for key in mail}:
            mail[name] = one_line(value)
    mail.set_content(message.text, charset="utf-8", cte="base64")
    return mail


class MailChannel:
    """The mail server of the settings; a connection a message, so that none goes stale."""

    name = "mail"

    def __init__(self, settings: Mail):
        """Take the server's settings; ``ca_file`` names a private CA."""
        self._settings = settings
        self._ca_file = settings.own().get("ca_file")

    async def send(self, message: Message) -> str:
        """Send it to its address and copies; return the server's answer.

        Raises:
            ChannelError: If the server did not take it for its address; a refused copy alone is no failure.
        """
        mail = build(message, self._settings.sender)
        try:
            async with self._server() as server:
                refused, answer = await server.send_message(mail, timeout=TIMEOUT)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise ChannelError(_why(error), permanent=_permanent(error)) from error
        if message.to in refused:
            response = refused[message.to]
            raise ChannelError(f"{response.code} {one_line(response.message)}", permanent=response.code >= PERMANENT)
        return one_line(answer) + (f" ({len(refused)} of {len(message.cc)} copies refused)" if refused else "")

    async def close(self) -> None:
        """Hold nothing open."""

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
