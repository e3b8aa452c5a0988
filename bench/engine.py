"""The playbook engine: what runs that only wait cost, and how many steps a second it carries out (SQLite).

Both are measured on a real `serve`: incidents are written into its state store as the responder writes them, and its own
responder does the rest; mail goes over SMTP to a server on loopback.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from bench.measures import Options, Row
from bench.rig import Rig, rig
from hinomi.clock import parse_iso
from hinomi.playbooks.incidents import incidents
from hinomi.runtime.parts import Core, build_core
from hinomi.settings import load_settings
from hinomi.state import t

TENANT = "kita/aoba/higashi-es"
AT_ONCE = 500
STEPS = 10
PLAYBOOKS = {
    "waiting": "  - {id: ask, decide: [true_positive, false_positive], by: operator_lead, due: 30d, remind: [20d]}\n",
    "stepping": "".join(f"  - {{id: s{n}, notify: operator, template: isolation_failed}}\n" for n in range(STEPS)),
}
CATEGORIES = {"waiting": "policy", "stepping": "other"}


def engine(o: Options) -> Iterator[Row]:
    """10,000 runs that wait for a person, and runs whose every step is a mail."""
    with rig(pcs=10, extra='[playbooks]\nfolders = ["playbooks"]\n') as r:
        core = _laid_out(r)
        _open(core, "waiting", o["waiting"])
        r.serve()
        _quiet(core)
        time.sleep(10)
        used, least = _share(r, o["idle"]), _idle(o)
        yield Row(f"{o['waiting']:,} waiting runs: responder", used, "% of a core", 1)
        yield Row("the same with none", least, "% of a core")
        _open(core, "stepping", o["steps"] // STEPS)
        yield from _rate(core, o["steps"])


def _idle(o: Options) -> float:
    with rig(pcs=10) as r:
        r.serve()
        time.sleep(10)
        return _share(r, o["idle"])


def _laid_out(r: Rig) -> Core:
    folder = r.folder / "playbooks"
    folder.mkdir()
    for name, steps in PLAYBOOKS.items():
        head = f"playbook: 1\nid: {name}\nversion: 1.0.0\ntitle: {{ja: 計測}}\nmatch: {{cause: external, category: [{CATEGORIES[name]}]}}\n"
        (folder / f"{name}.yml").write_text(f"{head}steps:\n{steps}", encoding="utf-8")
        r.hinomi("--config", str(r.config), "playbook", "activate", name, "--mode", "live", "--reason", "bench")
    return build_core(load_settings(r.config))


def _open(core: Core, playbook: str, count: int) -> None:
    """Open incidents that start a run each, as the responder does."""
    for start in range(0, count, AT_ONCE):
        now = datetime.now(UTC)
        with core.state.write() as conn:
            for number in range(start, min(start + AT_ONCE, count)):
                host = f"{playbook}-{number}"
                incidents.open_incident(
                    conn, now=now, actor="system", tenant=TENANT, entity=f"host:{host}", category=CATEGORIES[playbook], cause="external",
                    severity="high", title="bench", host=host, on_change=core.engine.on_incident,
                )  # fmt: skip


def _quiet(core: Core) -> None:
    """Wait until every message of the runs that wait has gone."""
    while _left(core):
        time.sleep(1)


def _left(core: Core) -> int:
    with core.state.read() as conn:
        asked = select(func.count()).select_from(t.outbox).where(t.outbox.c.state.in_(["waiting", "leased"]))
        return int(conn.execute(asked).scalar_one())


def _share(r: Rig, seconds: float) -> float:
    """Return how much of a core the responder uses."""
    pid = r.role("responder")
    before, began = r.cpu_of(pid), time.monotonic()
    time.sleep(seconds)
    return (r.cpu_of(pid) - before) / (time.monotonic() - began) * 100


def _rate(core: Core, steps: int) -> Iterator[Row]:
    """Yield steps a second, from the first that ended to the last."""
    deadline = time.monotonic() + 300
    names = [f"s{n}" for n in range(STEPS)]
    ended = select(t.step.c.done_at).where(t.step.c.name.in_(names) & t.step.c.done_at.is_not(None))
    while True:
        with core.state.read() as conn:
            found = sorted(conn.execute(ended).scalars())
        if len(found) >= steps or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    span = (parse_iso(found[-1]) - parse_iso(found[0])) / timedelta(seconds=1) if found else 0.0
    yield Row("steps", len(found), "", -steps)
    yield Row("steps carried out", len(found) / max(span, 0.001), "steps/s", -150, -300)
