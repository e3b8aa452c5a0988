"""The sample tenant's settings and its copy of the playbook: the shipped ones, with seconds for minutes."""

import re
from collections.abc import Mapping
from importlib.resources import files

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
    template = files("hinomi.cli.demo").joinpath("templates", "hinomi.toml").read_text(encoding="utf-8")
    return template.format(ports=ports, edr=edr, slack=slack, store=store, channel=CHANNEL)
