"""Whom a drill may reach: nobody, but with --send-mail the real people by the live installation's mail and rooms."""

import json
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from hinomi.errors import ConfigError
from hinomi.settings import Settings

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")
SLACK = "https://slack.com"
CLICKS = ("signing_secret", "app_token")
"""Secrets of clicks: those of a drill's rooms would reach the live installation, so it has none."""


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings of the live installation, and without proxies; its language stays."""
    settings = [name for name in os.environ if name.upper().startswith("HINOMI_") and name != "HINOMI_LANG"]
    kept = {name: value for name, value in os.environ.items() if name not in settings}
    return {name: value for name, value in kept.items() if name.lower() not in PROXIES} | dict(more)


def sent_by(settings: Settings) -> dict[str, str]:
    """Return, as environment, how real people are reached: secrets do not go into the drill's file.

    Raises:
        ConfigError: If there is no mail server.
    """
    if not settings.mail.host:
        raise ConfigError("[mail] host is empty: there is no way to real people", where=settings.file)
    rooms = {
        name: {key: "" if key in CLICKS else value for key, value in table.items()}
        for name, table in settings.channels.items()
    }
    return {"HINOMI_MAIL": json.dumps(settings.mail.model_dump(mode="json")), "HINOMI_CHANNELS": json.dumps(rooms)}


def reached_by(sending: Mapping[str, str]) -> list[str]:
    """Return the places that sending to real people needs."""
    if not sending:
        return []
    mail, rooms = (json.loads(sending[name]) for name in ("HINOMI_MAIL", "HINOMI_CHANNELS"))
    addresses = [
        table.get("base_url") or table.get("url") or (SLACK if name == "slack" else "") for name, table in rooms.items()
    ]
    return [f"{mail['host']}:{mail['port']}", *(place(address) for address in addresses if address)]


def place(url: str) -> str:
    """Return HOST:PORT of an address."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
