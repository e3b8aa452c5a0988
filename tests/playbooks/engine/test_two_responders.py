"""Two responders on one PostgreSQL: whoever is faster, slower or dies, a device is isolated once.

Row 24 of the faults, with `test_containment` (four on one store, stuck and stolen leases, fences) and `test_state` (the server
goes away and comes back).
"""

import asyncio
import os
from typing import Any

import pytest

from hinomi.playbooks.engine import leases
from hinomi.playbooks.engine.outbox import Executor
from hinomi.state import State, t

ISOLATE = "  - {id: isolate, do: endpoint.isolate, target: incident.endpoint, verify: {state: isolated, within: 15m}}\n"
RACES = int(os.environ.get("HINOMI_TEST_RACES", "20"))
"""Acceptance runs 200."""


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.timeout(60 + 5 * RACES)
def test_of_many_races_each_isolates_once(site: Any) -> None:
    site.machines, site.protected = {f"pc-{n}": site.edr.machine() for n in range(RACES)}, set()
    site.open(ISOLATE)
    stores = [State(site.state.url) for _ in range(2)]
    dying = {"now": False}

    def die(point: str) -> None:
        if dying["now"] and point == points[race % len(points)]:
            dying["now"] = False
            raise asyncio.CancelledError

    points = ["effect.before_send", "effect.after_send", "effect.after_accept"]
    ours = [Executor(store, site.engine, site.clock, owner=f"m{n}", failpoint=die) for n, store in enumerate(stores)]
    race = 0

    async def both() -> None:
        await asyncio.gather(*(executor.run_due() for executor in ours))

    async def run() -> None:
        nonlocal race
        for race in range(RACES):
            site.clock.advance(minutes=15)  # the caps on devices an hour are not what is raced here
            dying["now"] = race % 3 == 2  # whoever has it then dies with it
            await asyncio.to_thread(site.hit, f"pc-{race}")
            await both()
            site.clock.advance(seconds=leases.LEASE.total_seconds() + 1)
            await both()
        await site.close_clients()

    asyncio.run(run())
    for store in stores:
        store.close()
    sent = {name: site.edr.requests(machine, "isolate") for name, machine in site.machines.items()}
    assert sent == {name: [201] for name in site.machines}
    acts = site.rows(t.outbox, kind="action")
    assert len(acts) == RACES
    assert {row["lease_owner"] for row in acts} == {"m0", "m1"}, "only one of the two has ever been faster"
