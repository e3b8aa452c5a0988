"""A site for tests of the engine: a real state store, a real simulator and mail server, and a clock that is set."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Table, select

from hinomi import directory
from hinomi.clock import FakeClock, iso
from hinomi.directory import Device, Directory, Person, Tenant
from hinomi.hits import Hit, RuleInfo
from hinomi.playbooks.engine import rows
from hinomi.playbooks.engine.outbox import Executor
from hinomi.playbooks.incidents import alerts
from hinomi.runtime.parts import build_core
from hinomi.settings import Settings
from hinomi.state import t
from hinomi.tenancy import SCOPES, Grant

SCHOOL = "kita/aoba/higashi-es"
RULE = RuleInfo(id="r1", title="Bad", level="critical", hash="h", category="malware", contain="auto")
PEOPLE = [
    Person("t1", SCHOOL, "佐藤 花", "teacher", mail="t1@school.test", mail_off="t1@phone.test"),
    Person("h1", SCHOOL, "鈴木 一", "principal", mail="h1@school.test"),
    Person("h2", SCHOOL, "田中 二", "vice_principal", mail="h2@school.test"),
    Person("b1", "kita/aoba", "高橋 教", "board", mail="b1@city.test"),
    Person("o1", "", "運用 太", "operator", mail="o1@soc.test"),
    Person("o2", "", "運用 長", "operator_lead", mail="o2@soc.test"),
]


class Site:
    """One installation. Each ``pc-N`` is a machine of its own at the simulator."""

    def __init__(self, folder: Path, edr: Any, mail_port: int, database: str = ""):
        self.folder, self.edr = folder, edr
        (folder / "playbooks").mkdir(parents=True)
        # behind the machine's clock, so that what the vendor says now is always newer
        self.clock = FakeClock(datetime.now(UTC) - timedelta(days=60))
        self.machines = {f"pc-{n}": edr.machine() for n in range(1, 5)}
        self.people, self.protected = list(PEOPLE), {"pc-4"}
        self.other_ids: dict[str, str] = {}  # of other products, the same for every device
        self.settings = Settings.model_validate(
            {
                "data": str(folder / "data"), "vendors": {"defender": edr.settings}, "playbooks": {"shipped": False, "folders": ["playbooks"]},
                "mail": {"host": "127.0.0.1", "port": mail_port, "sender": "hinomi@soc.test"}, "file": str(folder / "hinomi.toml"), "state": {"url": database},
            }
        )  # fmt: skip
        self.count = 0

    def open(self, steps: str, *, mode: str = "live", **more: str) -> "Site":
        """Write a playbook of these steps, start the engine, make the playbook live."""
        self.write_playbook(steps, **more)
        self.core = build_core(self.settings, self.clock)
        self.state, self.engine = self.core.state, self.core.engine
        with self.state.write() as conn:
            directory.save(conn, self._directory(), "local:test", self.clock.now())
            for name in self.engine.library:
                self.engine.activate(conn, name, mode, self.by("admin"), "test", self.clock.now())
        self.executor = self.new_executor()
        return self

    def new_executor(self, **more: Any) -> Executor:
        return Executor(self.state, self.engine, self.clock, **more)

    def write_playbook(
        self, steps: str, match: str = "{cause: external, category: [malware]}", name: str = "p"
    ) -> None:
        text = f"playbook: 1\nid: {name}\nversion: 1.0.0\ntitle: {{ja: 試験}}\nmatch: {match}\nsteps:\n{steps}"
        (self.folder / "playbooks" / f"{name}.yml").write_text(text, encoding="utf-8")

    def _directory(self) -> Directory:
        tenants = [
            Tenant("kita", "北県", "prefecture"),
            Tenant("kita/aoba", "青葉市", "municipality"),
            Tenant(SCHOOL, "東小学校", "school"),
        ]
        devices = [
            Device(
                name,
                SCHOOL,
                name,
                name,
                "t1",
                protected=name in self.protected,
                vendors={"defender": machine, **self.other_ids},
            )
            for name, machine in self.machines.items()
        ]
        return Directory(tenants=tenants, people=self.people, devices=devices)

    @staticmethod
    def by(name: str) -> Grant:
        return Grant(f"local:{name}", "", SCOPES)

    def hit(self, device: str = "pc-1", **changes: Any) -> None:
        """Something bad was seen on a device."""
        self.count += 1
        now = iso(self.clock.now())
        hit = Hit(
            rule=RULE, generation=1, event_id=f"e{self.count}", time=now, received=now, tenant=SCHOOL, source="winlog",
            entity=f"host:{device}", host=device, host_known=True, user="t1", trusted=True,
        )  # fmt: skip
        hit = msgspec.structs.replace(hit, **changes)
        with self.state.write() as conn:
            alerts.record_hits(
                conn, [hit], now=self.clock.now(), directory=self._directory(), on_change=self.engine.on_incident
            )

    def drive(self, until: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Carry out effects and tick, time going on by little, until something is so; fail if it never is."""
        deadline = time.monotonic() + seconds

        async def go() -> Any:
            try:
                while True:
                    wait = await self.executor.run_due()
                    self.tick()
                    if found := until():
                        return found
                    assert time.monotonic() < deadline, self.show()
                    await asyncio.sleep(0.02)
                    self.clock.advance(seconds=min(wait or 0.05, 1.0))
            finally:
                await self.close_clients()

        return asyncio.run(go())

    @staticmethod
    def drive_edr(until: Callable[[], Any]) -> None:
        """Wait until something is so at the vendor."""
        deadline = time.monotonic() + 20
        while not until():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    async def close_clients(self) -> None:
        for adapter in self.engine.adapters.values():
            await adapter.close()
        for channel in self.engine.channels.values():
            await channel.close()

    def idle(self, seconds: float = 5.0) -> None:
        """Let the engine go on for some seconds of its own time."""
        end = self.clock.now() + timedelta(seconds=seconds)
        self.drive(lambda: self.clock.now() >= end)

    def tick(self) -> None:
        with self.state.write() as conn:
            self.engine.tick(conn, self.clock.now())

    def later(self, **delta: float) -> None:
        """Set the clock on, and do what time asks for."""
        self.clock.advance(**delta)
        self.tick()

    def rows(self, table: Table, **values: Any) -> list[Any]:
        with self.state.read() as conn:
            return rows.find(conn, table, **values)

    def step(self, name: str, number: int = 1) -> Any:
        """Return a step of the n-th incident; None if it has not started."""
        with self.state.read() as conn:
            incident = conn.execute(select(t.incident.c.id).where(t.incident.c.number == number)).scalar_one()
            asked = (
                select(t.step)
                .join(t.run, t.run.c.id == t.step.c.run)
                .where(t.run.c.incident == incident, t.step.c.name == name)
            )
            row = conn.execute(asked).first()
        return dict(row._mapping) if row else None

    def state_of(self, name: str, number: int = 1) -> str:
        row = self.step(name, number)
        return str(row["state"]) if row else ""

    def wait(self, kind: str) -> Any:
        """Return the one open wait of a kind."""
        (found,) = self.rows(t.wait, kind=kind, state="open")
        return found

    def decide(self, choice: str, who: str = "o1", kind: str = "approval", role: str = "operator") -> None:
        wait = self.wait(kind)["id"]
        with self.state.write() as conn:
            self.engine.decide(conn, wait, self.by(who), choice, "seen", via="api", now=self.clock.now(), role=role)

    def said(self) -> list[str]:
        return [row["text"] for row in self.rows(t.timeline)]

    def show(self) -> str:
        keep = ("name", "state", "outcome", "error", "action")
        steps = [{k: row[k] for k in keep} for row in self.rows(t.step)]
        left = [(row["kind"], row["state"], row["due_at"], row["error"]) for row in self.rows(t.outbox)]
        return f"{steps}\n{left}"


@pytest.fixture
def site(tmp_path: Path, edr: Any, mailbox: tuple[Any, int], database: str) -> Iterator[Site]:
    made = Site(tmp_path, edr, mailbox[1], database)
    yield made
    made.core.state.close()


@pytest.fixture
def mails(mailbox: tuple[Any, int]) -> Any:
    return mailbox[0]
