"""``hinomi doctor``: is this installation able to do what it is for?"""

import shutil
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show
from hinomi.errors import HinomiError
from hinomi.text import _

if TYPE_CHECKING:
    from hinomi.settings import Settings

LEAST_FREE = 2 << 30


@click.command("doctor", epilog=examples("doctor --config /srv/hinomi/hinomi.toml", "doctor -o json"))
@listed
@configured
def command(client: Client, fmt: str) -> int:
    """Check settings, fonts, disk, servers, directory and audit chain; exit 1 if something needs mending."""
    rows = list(_checks(client))
    show(rows, ("check", "ok", "found", "remedy"), fmt)
    failed = sum(not row["ok"] for row in rows)
    say(_("all well") if not failed else _("{count} things need mending").format(count=failed))
    return 1 if failed else 0


def _checks(client: Client) -> Iterator[dict[str, object]]:
    from hinomi.reports.fonts import check_fonts
    from hinomi.runtime.check import faults_of
    from hinomi.settings import load_settings

    settings = load_settings(client.config)
    faults = faults_of(settings)
    yield _row("settings", not faults, f"{len(faults)} faults" if faults else "read", str(faults[0]) if faults else "")
    yield _attempt("fonts", lambda: (check_fonts(), "both fonts as pinned")[1], "install the pinned dependencies again")
    free = shutil.disk_usage(settings.data if settings.data.exists() else settings.base).free
    yield _row(
        "disk", free > LEAST_FREE, f"{free >> 20} MB free", "make room: the spool stops taking records when it is full"
    )
    if settings.mail.host:
        yield _reach("mail", settings.mail.host, settings.mail.port)
    else:
        yield _row("mail", False, "no server", "set [mail] host: without it nobody is told")
    yield from _store(settings)
    for name, table in settings.vendors.items():
        parts = urlsplit(str(table.get("base_url", "")))
        port = parts.port or (443 if parts.scheme == "https" else 80)
        yield _reach(f"vendor {name}", parts.hostname or "", port)
    try:
        yield from _kept(client)
    except HinomiError as error:
        yield _row("answers", False, str(error), error.hint or "")


def _store(settings: "Settings") -> Iterator[dict[str, object]]:
    from hinomi.events import open_store

    try:
        store = open_store(settings)
    except HinomiError as error:
        yield _row("store", False, str(error), error.hint or "")
        return
    for each in store.diagnose():
        yield _row(each.check, each.ok, each.found, each.remedy)
    store.close()


def _kept(client: Client) -> Iterator[dict[str, object]]:
    directory = client.get("directory")
    yield _row(
        "directory",
        directory["version"] > 0,
        f"version {directory['version']}, {len(directory['devices'])} devices",
        "hinomi directory import FOLDER",
    )
    yield _row(
        "protected devices",
        any(d["protected"] for d in directory["devices"]),
        "",
        "mark servers and the principal's PC as protected in devices.csv",
    )
    modes = {row["id"]: row["mode"] for row in client.get("playbooks")["items"]}
    yield _row("playbooks", "live" in modes.values(), str(modes), "hinomi playbook activate ID --mode live --reason …")
    yield _row("kill switch", not client.get("killswitch")["on"], "", "hinomi killswitch off --reason …")
    rules = client.get("rules")
    yield _row(
        "rules",
        not rules["faults"],
        f"{len(rules['items'])} loaded, {len(rules['faults'])} faults",
        "hinomi rule list --faults",
    )
    verdict = client.get("audit/verify")
    yield _row(
        "audit chain",
        verdict["ok"],
        f"{verdict['records']} records, {verdict['seals']} seals",
        verdict["reason"] or verdict["seal_reason"],
    )


def _row(check: str, ok: bool, found: str, remedy: str) -> dict[str, object]:
    return {"check": check, "ok": ok, "found": found, "remedy": "" if ok else remedy}


def _attempt(check: str, act: Callable[[], str], remedy: str) -> dict[str, object]:
    try:
        return _row(check, True, act(), "")
    except HinomiError as error:
        return _row(check, False, str(error), error.hint or remedy)


def _reach(check: str, host: str, port: int) -> dict[str, object]:
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        return _row(check, False, f"{host}:{port}: {error}", "is it running, and may this machine reach it?")
    return _row(check, True, f"{host}:{port} answers", "")
