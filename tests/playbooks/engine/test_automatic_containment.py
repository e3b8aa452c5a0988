"""What must hold before a PC is cut off by itself; each condition missing alone makes it wait for a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from hinomi import directory
from hinomi.clock import FakeClock, iso
from hinomi.directory import Device, Directory, Person, Tenant
from hinomi.hits import Hit, RuleInfo
from hinomi.playbooks.incidents import alerts
from hinomi.runtime.parts import build_core
from hinomi.settings import Settings
from hinomi.state import t
from hinomi.tenancy import SCOPES, Grant

NOW = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)
ROOT = Grant("local:test", "", SCOPES)
SCHOOL = "kita/aoba/higashi-es"
DEVICES = [
    Device(f"pc-{n}", SCHOOL, f"pc-{n}", f"A-{n}", "t01", protected=n == 9, vendors={"defender": f"{n:040d}"})
    for n in range(10)
]
PEOPLE = Directory(
    tenants=[Tenant("kita", "北県", "prefecture"), Tenant("kita/aoba", "青葉市", "municipality"), Tenant(SCHOOL, "東小学校", "school")],
    people=[
        Person("t01", SCHOOL, "髙橋 花子", "teacher", mail="t@example.jp"), Person("o1", "", "監視 三郎", "operator", mail="o@example.jp"),
        Person("o2", "", "監視 四郎", "operator_lead", mail="l@example.jp"),
    ],
    devices=DEVICES,
)  # fmt: skip
RULE = RuleInfo(id="r1", title="Bad", level="critical", hash="h", category="malware", contain="auto")


@dataclass
class Site:
    core: Any
    clock: FakeClock
    count: int = 0

    def hit(self, **changes: Any) -> None:
        self.count += 1
        base = Hit(
            rule=RULE, generation=1, event_id=f"e{self.count}", time=iso(self.clock.now()), received=iso(self.clock.now()), tenant=SCHOOL,
            source="winlog", entity="host:pc-1", host="pc-1", host_known=True, user="t01", trusted=True,
        )  # fmt: skip
        made = msgspec.structs.replace(base, **changes)
        with self.core.state.write() as conn:
            alerts.record_hits(
                conn, [made], now=self.clock.now(), directory=PEOPLE, on_change=self.core.engine.on_incident
            )

    def asked(self) -> list[str]:
        """Return the devices for which a cut-off waits to be sent."""
        with self.core.state.read() as conn:
            rows = conn.execute(
                select(t.step.c.target)
                .join(t.outbox, t.outbox.c.step == t.step.c.id)
                .where(t.outbox.c.kind == "action")
            )
            return [target["device"] for target in rows.scalars()]

    def waits(self, kind: str) -> list[Any]:
        with self.core.state.read() as conn:
            return list(conn.execute(select(t.wait).where((t.wait.c.kind == kind) & (t.wait.c.state == "open"))))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = FakeClock(NOW)
    vendor = {
        "base_url": "http://127.0.0.1:9",
        "token_url": "http://127.0.0.1:9/t",
        "client_id": "c",
        "client_secret": "s",
    }
    settings = Settings.model_validate(
        {"data": str(tmp_path / "data"), "vendors": {"defender": vendor}, "guards": {"school_per_hour": 3}}
    )
    core = build_core(settings, clock)
    with core.state.write() as conn:
        directory.save(conn, PEOPLE, "local:test", NOW)
        core.engine.activate(conn, "external-malware", "live", ROOT, "test", NOW)
    yield Site(core, clock)
    core.state.close()


def test_with_all_conditions_the_cut_off_is_asked_for_at_once(site: Site) -> None:
    site.hit()
    assert site.asked() == ["pc-1"]
    assert site.waits("approval") == []


MISSING: list[tuple[str, dict[str, Any]]] = [
    ("a rule that does not contain", {"rule": msgspec.structs.replace(RULE, contain="never")}),
    ("a source that is not trusted for it", {"trusted": False}),
    ("a PC that is not in the directory", {"host_known": False}),
    ("a log of the past", {"backfill": True}),
    ("an event that is too old", {"time": iso(NOW - timedelta(minutes=16))}),
    ("an event from the future", {"time": iso(NOW + timedelta(minutes=6))}),
    ("a protected PC", {"entity": "host:pc-9", "host": "pc-9"}),
]


@pytest.mark.parametrize("changes", [case[1] for case in MISSING], ids=[case[0] for case in MISSING])
def test_what_is_missing_makes_it_wait_for_a_person(site: Site, changes: dict[str, Any]) -> None:
    site.hit(**changes)
    assert site.asked() == []
    assert site.waits("approval") or site.waits("manual") or site.waits("task")


def test_a_better_alert_of_the_same_incident_is_enough(site: Site) -> None:
    site.hit(trusted=False)
    assert site.asked() == []
    site.hit(rule=msgspec.structs.replace(RULE, id="r2"))
    with site.core.state.write() as conn:
        site.core.engine.tick(conn, site.clock.now())
    assert site.asked() in ([], ["pc-1"])  # it may go on waiting for the person who was asked
    assert len(site.asked()) + len(site.waits("approval")) == 1


def test_a_shadow_playbook_asks_for_nothing(site: Site) -> None:
    with site.core.state.write() as conn:
        site.core.engine.activate(conn, "external-malware", "shadow", ROOT, "test", NOW)
    site.hit()
    assert site.asked() == []
    with site.core.state.read() as conn:
        (step,) = conn.execute(select(t.step).where(t.step.c.name == "isolate"))
    assert step.state == "simulated"


def test_the_kill_switch_stops_it(site: Site) -> None:
    with site.core.state.write() as conn:
        site.core.engine.set_killswitch(conn, True, ROOT, "test", NOW)
    site.hit()
    assert site.asked() == []


@pytest.mark.postgresql
def test_the_cap_of_a_school_stops_the_next_one_and_an_hour_later_it_goes_on(site: Site) -> None:
    for n in range(1, 6):
        site.hit(entity=f"host:pc-{n}", host=f"pc-{n}")
    assert site.asked() == ["pc-1", "pc-2", "pc-3"]
    assert len(site.waits("approval")) == 2
    site.clock.advance(minutes=61)
    site.hit(entity="host:pc-6", host="pc-6")
    assert site.asked()[-1] == "pc-6"


def test_an_approval_by_a_person_does_what_the_guard_held_back(site: Site) -> None:
    site.hit(trusted=False)
    (wait,) = site.waits("approval")
    with site.core.state.write() as conn:
        site.core.engine.decide(conn, wait.id, ROOT, "approve", "checked by phone", via="api", now=NOW, role="operator")
    assert site.asked() == ["pc-1"]


def test_a_denial_is_a_failed_step_and_is_said(site: Site) -> None:
    site.hit(trusted=False)
    (wait,) = site.waits("approval")
    with site.core.state.write() as conn:
        site.core.engine.decide(conn, wait.id, ROOT, "deny", "a drill", via="api", now=NOW, role="operator")
    assert site.asked() == []
    with site.core.state.read() as conn:
        (step,) = conn.execute(select(t.step).where(t.step.c.name == "isolate"))
        (page,) = conn.execute(select(t.step).where(t.step.c.name == "page_operator"))
    assert step.state == "failed"
    assert page.state != "pending"


def test_the_same_incident_starts_one_run(site: Site) -> None:
    for _ in range(5):
        site.hit()
    assert site.asked() == ["pc-1"]
    with site.core.state.read() as conn:
        assert len(list(conn.execute(select(t.run)))) == 1
