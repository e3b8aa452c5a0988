"""``hinomi init DIR``: a commented hinomi.toml, folders, the first key."""

import getpass
import os
from pathlib import Path

import click

from hinomi.cli.options import examples
from hinomi.cli.output import say
from hinomi.errors import ConflictError
from hinomi.tenancy import SCOPES, Grant
from hinomi.text import _

TOML = """\
# hinomi: settings. The environment wins over this file: HINOMI_API__LISTEN=0.0.0.0:8400
# Every key with its meaning: docs/reference/settings.md

data = "data"                       # all that is kept; relative to this file

[api]
listen = "127.0.0.1:8400"           # api and people's pages
# base_url = "https://soc.example"  # the address that links in messages carry

[ingest]
listen = "127.0.0.1:8401"           # POST /v1/events/<source>, with a key of scope ingest

[mail]
host = ""                           # SMTP server; without one, messages wait
port = 25
sender = "hinomi@localhost"
# tls = "starttls"
# user = ""
# password = ""                     # better: HINOMI_MAIL__PASSWORD in the environment

# [channels.slack]                  # who is told in Slack; docs/howto/connect-slack.md
# channel = "C0123456789"
# roles = ["operator", "operator_lead"]
# token, signing_secret: in the environment, HINOMI_CHANNELS__SLACK__TOKEN

[guards]
school_per_hour = 5                 # isolations by themselves, in one school
municipality_per_hour = 20          # and in one municipality; above that somebody approves

# --- sources: the doors through which records come in ---------------------------------------
# [sources.oplog]                   # endpoint operation log: CSV files that grow
# kind = "file"
# name = "端末の操作ログ"            # what people read in reports and answers
# path = "/srv/oplog/*.csv"
# framing = "csv"
# formats = ["skysea.operation"]
# encoding = "cp932"
# tenant = "prefecture/municipality"

# [sources.winlog]                  # Windows event log over HTTP
# kind = "http"
# formats = ["windows.eventlog"]
# tenant = "prefecture/municipality"
# trusted_for_containment = true    # its records may have a PC isolated

# [vendors.defender]                # Microsoft Defender for Endpoint; others: crowdstrike, trend (docs/howto)
# base_url = "https://api.securitycenter.microsoft.com"
# token_url = "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"
# client_id = ""
# client_secret = ""                # better: in the environment

# [sources.edr]                     # its alerts
# kind = "pull"
# api = "defender.alerts"
# vendor = "defender"
# interval = 15
# formats = ["defender.alert"]
# tenant = "prefecture/municipality"
# trusted_for_containment = true
"""


@click.command("init", epilog=examples("init /srv/hinomi", "init ./trial"))
@click.argument("folder", type=click.Path(file_okay=False))
def command(folder: str) -> None:
    """Lay out a new installation: hinomi.toml, data folder, the first key (mode 0600)."""
    from hinomi.api import keys
    from hinomi.audit import head
    from hinomi.audit.seals import Seals
    from hinomi.clock import SystemClock
    from hinomi.settings import load_settings
    from hinomi.state import State

    base = Path(folder)
    config = base / "hinomi.toml"
    if config.exists():
        raise ConflictError("there is one already", where=config, hint="edit it, or choose another folder")
    base.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(TOML)
    settings = load_settings(config)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)  # people's names, and what they did, lie in it
    for name in ("spool", "hits", "run", "reports", "audit"):
        (settings.data / name).mkdir(parents=True, exist_ok=True)
    (settings.data / "keys").mkdir(mode=0o700, exist_ok=True)
    state, now = State(settings.state_url), SystemClock().now()
    state.migrate()
    grant = Grant(f"local:{getpass.getuser()}", "", SCOPES)
    with state.write() as conn:
        secret = keys.create(conn, now, grant, name="first key", scopes=sorted(SCOPES - {"ingest"}), role="admin")[1]
    with os.fdopen(
        os.open(settings.data / "keys" / "admin.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
    ) as file:
        file.write(secret + "\n")
    with state.read() as conn:
        Seals(settings.data).write(head(conn), now)
    state.close()
    say(_("made: {config} and {data}").format(config=config, data=settings.data))
    say(_("next: edit {config}, then  hinomi serve --config {config}").format(config=config))
