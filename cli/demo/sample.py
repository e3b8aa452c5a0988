"""The sample tenant's settings and its copy of the playbook: the shipped ones, with seconds for minutes."""

import re
from collections.abc import Mapping

CHANNEL = "C0SOC"
_UNITS = {"m": 1, "h": 60, "d": 24 * 60}
_DURATION = re.compile(r"(?<=[ \[])(\d+)([mhd])(?=[,}\]])")
NOTE = """\
# The sample tenant's copy of the shipped playbook external-malware. It differs in one thing: every minute is a second
# (15m is 15s, 1h is 60s, 14d is 20160s), so that a day's flow can be watched in half a minute.
"""


def quickened(playbook: str) -> str:
    """Return a playbook with seconds for minutes, and a comment that says so."""
    return NOTE + _DURATION.sub(lambda found: f"{int(found[1]) * _UNITS[found[2]]}s", playbook)


def settings(ports: Mapping[str, int], edr: Mapping[str, str], slack: Mapping[str, str], store: str = "") -> str:
    """Return the settings file of the sample tenant; ``store`` are lines for where events are kept."""
    return f"""\
# hinomi: settings of the sample tenant (hinomi demo). An ordinary file: hinomi serve --config THIS carries on with it.

data = "data"

[api]
listen = "127.0.0.1:{ports["api"]}"

[ingest]
listen = "127.0.0.1:{ports["ingest"]}"

[store]
{store}flush_seconds = 2.0                 # default 5: the demo wants to show what is stored

[mail]
host = "127.0.0.1"                  # the demo's own mail server
port = {ports["mail"]}
sender = "hinomi@soc.example"

[channels.slack]                    # the demo's simulator of Slack: what is asked of the operator has buttons there
base_url = "http://127.0.0.1:{ports["slack"]}/api/"
token = "{slack["token"]}"
signing_secret = "{slack["signing_secret"]}"
channel = "{CHANNEL}"
roles = ["operator"]

[playbooks]
folders = ["playbooks"]             # external-malware with seconds for minutes; it wins over the shipped one

[vendors.defender]                  # the demo's simulator of Microsoft Defender for Endpoint
base_url = "http://127.0.0.1:{ports["edr"]}"
token_url = "http://127.0.0.1:{ports["edr"]}/oauth2/v2.0/token"
client_id = "{edr["id"]}"
client_secret = "{edr["secret"]}"
timeout = 4.0                       # default 10: the demo does not wait long for an answer that never comes

[sources.oplog]                     # endpoint operation log, appended to while it is tailed
kind = "file"
name = "端末の操作ログ"
path = "logs/*.csv"
framing = "csv"
formats = ["skysea.operation"]
encoding = "cp932"
zone = "Asia/Tokyo"
tenant = "kita/aoba"

[sources.winlog]                    # Sysmon and Security, NDJSON over HTTP
kind = "http"
name = "Windowsのイベントログ"
formats = ["windows.eventlog"]
tenant = "kita/aoba"
trusted_for_containment = true

[sources.swg]                       # the web filter's access log, by syslog over TCP
kind = "syslog"
listen = "127.0.0.1:{ports["syslog"]}"
allow = ["127.0.0.0/8"]
formats = ["ifilter.access"]
tenant = "kita/aoba"

[sources.edr]                       # the EDR's alerts, pulled with a cursor
kind = "pull"
name = "EDR（Defender for Endpoint）"
api = "defender.alerts"
vendor = "defender"
interval = 2                        # default 15
silence_after = 604800              # default 3600: an EDR that has raised no alert for a week is nothing unusual
formats = ["defender.alert"]
tenant = "kita/aoba"
trusted_for_containment = true
"""
