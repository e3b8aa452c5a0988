"""Every vendor × every fault, through the contract (CONTRACTS 7).

Written over the registry: a product joins by being registered, with a simulator beside its adapter that has the
command line and the second door of the others. What only an EDR can be asked (isolation) is asked of those that isolate;
what is never sent twice (wipe, quarantine) has its own row of answers to the same faults. Row 23 of the faults: an answer
that never comes though it was done, 500 and then success, isolated already, another machine, offline for days.
"""

import asyncio
import functools
import importlib.util
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hinomi.clock import SystemClock, iso
from hinomi.playbooks.vendors import Accepted, Adapter, Intent, Observation, VendorError, vendors

PRODUCTS = [name for name, _ in vendors if importlib.util.find_spec(f"hinomi.playbooks.vendors.{name}.simulator")]
GOAL = {
    "endpoint.isolate": "isolated",
    "endpoint.release": "released",
    "endpoint.scan": "clean",
    "endpoint.quarantine_file": "done",
    "endpoint.lock": "done",
    "endpoint.wipe": "done",
}
OPPOSITE = {"endpoint.isolate": "endpoint.release", "endpoint.release": "endpoint.isolate"}
TRIES = 4
CAN: dict[str, dict[str, str]] = {name: vendors.get(name).capabilities(None) for name in PRODUCTS}  # type: ignore[attr-defined]  # of the class, none is made
"""Product → what it can do; the same for every customer of it."""
EDRS = [name for name in PRODUCTS if "endpoint.isolate" in CAN[name]]
ONCE = [(name, action) for name in PRODUCTS for action, kind in CAN[name].items() if kind == "once"]
REPEATABLE = [(name, action) for name in PRODUCTS for action, kind in CAN[name].items() if kind != "once"]
CANNOT = [(name, action) for name in PRODUCTS for action in sorted(GOAL) if action not in CAN[name]]
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def started(simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Start each product's simulator once."""
    running: dict[str, Any] = {}

    def start(name: str) -> Any:
        if name not in running:
            quick = ("--no-limits", "--pending", "0.1", "--running", "0.1")
            running[name] = simulator(tmp_path_factory.mktemp(name), *quick, product=name)
        return running[name]

    yield start
    for one in running.values():
        one.close()


def _by_name(started: Callable[[str], Any], name: str) -> Iterator[Any]:
    found = started(name)
    yield found
    found.lift_faults()


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest, started: Callable[[str], Any]) -> Iterator[Any]:
    """Any product."""
    yield from _by_name(started, request.param)


@pytest.fixture(params=EDRS)
def edr(request: pytest.FixtureRequest, started: Callable[[str], Any]) -> Iterator[Any]:
    """A product that isolates."""
    yield from _by_name(started, request.param)


@pytest.fixture
def of_case(request: pytest.FixtureRequest, started: Callable[[str], Any]) -> Iterator[Any]:
    """The product that a case names."""
    yield from _by_name(started, request.getfixturevalue("name"))


def adapter_of(edr: Any, **changes: Any) -> Adapter:
    return vendors.get(edr.product)({**edr.settings, "timeout": 1.0, **changes})


def intent_of(action: str, machine: str, tag: str = "[hinomi:t/i/r:s:1]") -> Intent:
    target = {"device": "pc", "machine": machine, "sha1": "a" * 40, "name": NAMES.get(machine, "pc")}
    return Intent(action, target, tag, sent_at=iso(SystemClock().now()))


NAMES: dict[str, str] = {}
"""What a machine is called at its product, where an act compares that."""


def machine_at(edr: Any) -> str:
    """Return a machine that nobody else uses, and remember what it is called."""
    name = f"pc-{uuid.uuid4().hex[:6]}"
    machine = str(edr.steer("/machines", {"computerDnsName": name})[0]["id"])
    NAMES[machine] = name
    return machine


def first_act(edr: Any) -> str:
    """Return what a product is mostly there for."""
    return next(action for action in ("endpoint.isolate", "endpoint.lock") if action in CAN[edr.product])


async def carry(adapter: Adapter, intent: Intent) -> tuple[Accepted | None, list[VendorError]]:
    """Do what the contract tells: nothing is sent again before it was looked for, what is permanent is given up."""
    errors: list[VendorError] = []
    for _ in range(TRIES):
        try:
            sent = bool(errors) and errors[-1].kind == "unknown"
            found = await adapter.find_own(intent) if sent else None
            if sent and found is None and adapter.capabilities()[intent.action] == "once":
                break
            return found or await adapter.apply(intent), errors
        except VendorError as error:
            errors.append(error)
            if error.kind in ("permanent", "auth"):
                break
            await asyncio.sleep(error.retry_after or 0.05)
    return None, errors


async def seen(adapter: Adapter, intent: Intent, accepted: Accepted, *until: str) -> Observation:
    """Look until one of these states is seen."""
    deadline = time.monotonic() + 20
    while (look := await adapter.verify(intent, accepted.vendor_id)).state not in until:
        assert time.monotonic() < deadline, look
        await asyncio.sleep(0.05)
    return look


async def prepared(edr: Any, adapter: Adapter, action: str) -> str:
    """Return a machine on which the action has something to do."""
    machine = machine_at(edr)
    if action == "endpoint.release":
        edr.portal(machine, "endpoint.isolate")
        await until(lambda: edr.isolated(machine))
    return machine


async def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def closing(adapter: Adapter, work: Awaitable[Any]) -> Any:
    try:
        return await work
    finally:
        await adapter.close()


@pytest.mark.parametrize(("name", "action"), CANNOT)
async def test_what_a_product_cannot_do_is_never_asked_of_it(of_case: Any, name: str, action: str) -> None:
    with pytest.raises(VendorError) as raised:
        adapter_of(of_case).plan(intent_of(action, "a" * 32))
    assert raised.value.kind == "permanent"


# fault, how often, its answer's kinds in order, whether it is there in the end
FAULTS: list[tuple[str, int | None, list[str], bool]] = [
    ("none", 0, [], True),
    ("401", 1, [], True),
    ("401", None, ["auth"], False),
    ("429", 1, ["retryable"], True),
    ("429", None, ["retryable"] * TRIES, False),
    ("500", 1, ["unknown"], True),
    ("500", 2, ["unknown"] * 2, True),
    ("500", None, ["unknown"] * TRIES, False),
    ("refuse", None, ["auth"], False),
    ("timeout-after-accept", 1, ["unknown"], True),
    ("timeout-before-accept", 1, ["unknown"], True),
]


@pytest.mark.parametrize(("name", "action"), REPEATABLE)
@pytest.mark.parametrize(
    ("fault", "times", "kinds", "done"), FAULTS, ids=[f"{f}-{n or 'always'}" for f, n, *_ in FAULTS]
)
async def test_a_fault_is_named_for_what_it_is_and_leads_to_one_effect_or_none(
    of_case: Any, name: str, action: str, fault: str, times: int | None, kinds: list[str], done: bool
) -> None:
    await under_fault(of_case, action, fault, times, kinds, done)


ONCE_FAULTS = [(fault, times, kinds[:1], done and kinds[:1] != ["unknown"]) for fault, times, kinds, done in FAULTS]
"""After an unknown outcome it is looked for, and not sent again: then it is there only if it was taken."""


@pytest.mark.parametrize(("name", "action"), ONCE)
@pytest.mark.parametrize(
    ("fault", "times", "kinds", "done"), ONCE_FAULTS, ids=[f"{f}-{n or 'always'}" for f, n, *_ in FAULTS]
)
async def test_what_must_happen_once_is_sent_once_under_every_fault(
    of_case: Any, name: str, action: str, fault: str, times: int | None, kinds: list[str], done: bool
) -> None:
    expected = kinds * TRIES if (fault, times) == ("429", None) else kinds
    await under_fault(of_case, action, fault, times, expected, done or fault == "timeout-after-accept")


async def under_fault(edr: Any, action: str, fault: str, times: int | None, kinds: list[str], done: bool) -> None:
    adapter = adapter_of(edr)
    machine = await prepared(edr, adapter, action)
    before = len(edr.actions(machine))
    if fault != "none":
        edr.fault(fault, machine, action, times=times, seconds=0.0 if fault == "429" else 30.0)

    async def work() -> None:
        intent = intent_of(action, machine)
        accepted, errors = await carry(adapter, intent)
        assert [error.kind for error in errors] == kinds
        assert (accepted is not None) == done
        assert len(edr.actions(machine)) - before == int(done)
        if accepted is not None:
            assert not accepted.adopted
            assert (await seen(adapter, intent, accepted, GOAL[action], "failed")).state == GOAL[action]
            assert len(edr.actions(machine)) - before == 1

    await closing(adapter, work())


async def test_a_vendor_that_asks_to_wait_is_heard(product: Any) -> None:
    adapter, machine, action = adapter_of(product), machine_at(product), first_act(product)
    product.fault("429", machine, action, times=1, seconds=7.0)
    with pytest.raises(VendorError) as raised:
        await closing(adapter, adapter.apply(intent_of(action, machine)))
    assert raised.value.retry_after == pytest.approx(7.0, abs=1.5)  # some name an instant, in whole seconds


async def test_who_is_not_reached_has_certainly_not_taken_it(product: Any) -> None:
    adapter = adapter_of(product, base_url="http://127.0.0.1:9")
    with pytest.raises(VendorError) as raised:
        await closing(adapter, adapter.apply(intent_of(first_act(product), product.machine())))
    assert raised.value.kind == "retryable"


async def test_refused_credentials_are_no_matter_of_trying_again(product: Any) -> None:
    adapter = adapter_of(product, **product.wrong_secret())
    with pytest.raises(VendorError) as raised:
        await closing(adapter, adapter.apply(intent_of(first_act(product), product.machine())))
    assert raised.value.kind == "auth"


async def test_an_unknown_machine_is_permanent(product: Any) -> None:
    adapter = adapter_of(product)
    with pytest.raises(VendorError) as raised:
        await closing(adapter, adapter.apply(intent_of(first_act(product), product.stranger())))
    assert raised.value.kind == "permanent"


@pytest.mark.parametrize("machine", ["", "../x", "a?b=c", "a#b", "a' or 'b", "*", ".."])
async def test_only_one_explicit_machine_is_ever_acted_on(product: Any, machine: str) -> None:
    adapter, intent = adapter_of(product), intent_of(first_act(product), machine)
    with pytest.raises(VendorError, match="no machine"):
        adapter.plan(intent)
    with pytest.raises(VendorError) as raised:
        await closing(adapter, adapter.apply(intent))
    assert raised.value.kind == "permanent"


async def test_a_repeat_is_there_already_whoever_asked_first(edr: Any) -> None:
    adapter, machine = adapter_of(edr), edr.machine()
    edr.fault("offline", machine)
    own = intent_of("endpoint.isolate", machine)

    async def work() -> None:
        first, again = await adapter.apply(own), await adapter.apply(own)
        await asyncio.sleep(1.1)  # where no comment tells them apart, time does, and some clocks show whole seconds
        theirs = await adapter.apply(intent_of("endpoint.isolate", machine, "[hinomi:t/i/other:s:1]"))
        assert first.vendor_id == again.vendor_id == theirs.vendor_id
        assert (first.adopted, again.adopted, theirs.adopted) == (False, False, True)
        assert len(edr.actions(machine)) == 1

    await closing(adapter, work())


async def test_what_is_isolated_already_is_seen_before_anything_is_sent(edr: Any) -> None:
    adapter, machine = adapter_of(edr), edr.machine()

    async def work() -> None:
        assert (await adapter.read_state({"machine": machine})).state == "released"
        edr.portal(machine, "endpoint.isolate")
        assert (await adapter.read_state({"machine": machine})).state == "pending_isolation"
        await until(lambda: edr.isolated(machine))
        assert (await adapter.read_state({"machine": machine})).state == "isolated"

    await closing(adapter, work())


async def test_an_isolation_is_seen_behind_many_other_actions(edr: Any) -> None:
    adapter, machine = adapter_of(edr), edr.machine()

    async def work() -> None:
        edr.portal(machine, "endpoint.isolate")
        await until(lambda: edr.isolated(machine))
        for _ in range(60):
            edr.portal(machine, "endpoint.scan")
        assert (await adapter.read_state({"machine": machine})).state == "isolated"

    await closing(adapter, work())


async def test_an_offline_host_is_pending_for_as_long_as_it_takes(edr: Any) -> None:
    adapter, machine = adapter_of(edr), edr.machine()
    edr.fault("offline", machine)
    intent = intent_of("endpoint.isolate", machine)

    async def work() -> None:
        accepted = await adapter.apply(intent)
        for _ in range(5):
            assert (await adapter.verify(intent, accepted.vendor_id)).state == "pending_isolation"
            await asyncio.sleep(0.1)
        edr.lift_faults()
        await seen(adapter, intent, accepted, "isolated")

    await closing(adapter, work())


async def test_what_an_administrator_cancels_has_failed_and_is_not_taken_for_ours_again(edr: Any) -> None:
    adapter, machine = adapter_of(edr), edr.machine()
    edr.fault("offline", machine)
    intent = intent_of("endpoint.isolate", machine)

    async def work() -> None:
        accepted = await adapter.apply(intent)
        edr.cancel(accepted.vendor_id, machine, "endpoint.isolate")
        # without an id there is no action that could be seen to fail, only the state of the device
        ended = "failed" if accepted.vendor_id else "released"
        assert (await adapter.verify(intent, accepted.vendor_id)).state == ended
        assert await adapter.find_own(intent) is None
        assert (await adapter.read_state(intent.target)).state == "released"

    await closing(adapter, work())


async def test_what_an_administrator_releases_is_never_called_isolated(edr: Any) -> None:
    adapter, machine = adapter_of(edr), edr.machine()
    intent = intent_of("endpoint.isolate", machine)

    async def work() -> None:
        accepted = await adapter.apply(intent)
        await seen(adapter, intent, accepted, "isolated")
        edr.portal(machine, "endpoint.release")
        await until(lambda: not edr.isolated(machine))
        assert (await adapter.verify(intent, accepted.vendor_id)).state == "released"
        assert (await adapter.read_state(intent.target)).state == "released"

    await closing(adapter, work())


@pytest.mark.parametrize("action", sorted(OPPOSITE))
async def test_undo_ends_in_the_opposite_state_whether_it_was_pending_or_done(edr: Any, action: str) -> None:
    adapter = adapter_of(edr)

    def settled(machine: str) -> bool:
        return bool(edr.isolated(machine) == (action == "endpoint.release"))

    async def work() -> None:
        for pending in (True, False):
            machine = await prepared(edr, adapter, action)
            intent, wish = intent_of(action, machine), intent_of(action, machine, "[hinomi:t/i/undo:s:1]")
            back = intent_of(OPPOSITE[action], machine)
            if pending:
                edr.fault("offline", machine)
            accepted = await adapter.apply(intent)
            if not pending:
                await seen(adapter, intent, accepted, GOAL[action])
            undone = await adapter.undo(wish)
            edr.lift_faults()
            await seen(adapter, back, undone, GOAL[OPPOSITE[action]])
            await until(functools.partial(settled, machine))

    await closing(adapter, work())


async def test_a_look_that_fails_is_an_error_and_never_a_state(edr: Any) -> None:
    adapter, machine = adapter_of(edr), edr.machine()
    intent = intent_of("endpoint.isolate", machine)

    async def work() -> None:
        accepted = await adapter.apply(intent)
        for fault in ("500", "429"):
            edr.list_fault(fault, seconds=1)
            looks = (
                adapter.read_state(intent.target),
                adapter.verify(intent, accepted.vendor_id),
                adapter.find_own(intent),
            )
            for look in looks:
                with pytest.raises(VendorError) as raised:
                    await look
                assert raised.value.kind == "retryable"
            edr.lift_faults()

    await closing(adapter, work())


@pytest.mark.parametrize("name", [name for name in PRODUCTS if "endpoint.scan" in CAN[name]])
async def test_a_newer_alert_means_that_a_scan_has_not_cleaned(of_case: Any, name: str) -> None:
    edr, adapter, machine = of_case, adapter_of(of_case), of_case.machine()
    intent = intent_of("endpoint.scan", machine)

    async def work() -> None:
        accepted = await adapter.apply(intent)
        edr.alert(machine)
        assert (await seen(adapter, intent, accepted, "clean", "failed")).state == "failed"

    await closing(adapter, work())


async def test_the_plan_is_what_is_sent_and_carries_the_tag_where_the_product_keeps_one(product: Any) -> None:
    edr, adapter = product, adapter_of(product)

    async def work() -> None:
        for action in adapter.capabilities():
            machine = await prepared(edr, adapter, action)
            intent = intent_of(action, machine, f"[hinomi:t/i/r:{action}:1]")
            plan = adapter.plan(intent)
            assert edr.sent(machine) == []
            await adapter.apply(intent)
            (entry,) = edr.sent(machine)
            where = f"{edr.url}{entry['path']}{'?' if entry['query'] else ''}{entry['query']}"
            assert (entry["method"], where, entry["body"] or None) == (plan.method, plan.url, plan.body)
            assert (intent.tag in str(entry["body"])) == (action in edr.comments)

    await closing(adapter, work())


# --- what an MDM is asked ---------------------------------------------------------------------------------

MDMS = [name for name in PRODUCTS if "endpoint.wipe" in CAN[name]]
REMOTE = ("endpoint.lock", "endpoint.wipe")


@pytest.fixture(params=MDMS)
def mdm(request: pytest.FixtureRequest, started: Callable[[str], Any]) -> Iterator[Any]:
    """A product that locks and wipes."""
    yield from _by_name(started, request.param)


def test_a_wipe_is_never_repeated_and_nothing_brings_it_back() -> None:
    assert MDMS
    assert {CAN[name]["endpoint.wipe"] for name in MDMS} == {"once"}


@pytest.mark.parametrize("action", REMOTE)
async def test_a_device_that_is_off_is_pending_for_as_long_as_it_takes(mdm: Any, action: str) -> None:
    adapter, machine = adapter_of(mdm), machine_at(mdm)
    mdm.fault("offline", machine)
    intent = intent_of(action, machine)

    async def work() -> None:
        accepted = await adapter.apply(intent)
        for _ in range(5):
            assert (await adapter.verify(intent, accepted.vendor_id)).state == "pending"
            await asyncio.sleep(0.1)
        mdm.lift_faults()
        await seen(adapter, intent, accepted, "done")

    await closing(adapter, work())


@pytest.mark.parametrize("action", REMOTE)
async def test_a_remote_act_that_is_open_is_followed_and_not_sent_again(mdm: Any, action: str) -> None:
    adapter, machine = adapter_of(mdm), machine_at(mdm)
    mdm.fault("offline", machine)

    async def work() -> None:
        await adapter.apply(intent_of(action, machine))
        await adapter.apply(intent_of(action, machine, "[hinomi:t/i/other:s:1]"))
        assert len(mdm.actions(machine)) == 1

    await closing(adapter, work())


@pytest.mark.parametrize("action", REMOTE)
async def test_a_remote_act_that_fails_or_is_cancelled_has_failed_and_is_not_taken_for_ours(
    mdm: Any, action: str
) -> None:
    adapter = adapter_of(mdm)

    async def work() -> None:
        for cancelled in (False, True):
            machine = machine_at(mdm)
            mdm.fault("offline" if cancelled else "fail", machine)
            intent = intent_of(action, machine)
            accepted = await adapter.apply(intent)
            if cancelled:
                mdm.cancel(None, machine, action)
            await seen(adapter, intent, accepted, "failed")
            assert await adapter.find_own(intent) is None
            with pytest.raises(VendorError) as raised:
                await adapter.undo(intent)
            assert raised.value.kind == "permanent"

    await closing(adapter, work())


@pytest.mark.parametrize("action", REMOTE)
async def test_a_device_that_cannot_be_read_first_is_not_acted_on(mdm: Any, action: str) -> None:
    adapter, machine = adapter_of(mdm), machine_at(mdm)

    async def work() -> None:
        mdm.list_fault("500")
        with pytest.raises(VendorError) as raised:
            await adapter.apply(intent_of(action, machine))
        assert raised.value.kind == "retryable"
        mdm.lift_faults()
        assert mdm.sent(machine) == []

    await closing(adapter, work())


@pytest.mark.parametrize("action", REMOTE)
async def test_a_device_that_the_product_calls_otherwise_is_not_acted_on(mdm: Any, action: str) -> None:
    adapter, machine = adapter_of(mdm), machine_at(mdm)
    NAMES[machine] = "another"
    with pytest.raises(VendorError) as raised:
        await closing(adapter, adapter.apply(intent_of(action, machine)))
    assert raised.value.kind == "permanent"
    assert mdm.sent(machine) == []


async def test_what_was_asked_before_our_time_is_not_ours(mdm: Any) -> None:
    adapter, machine = adapter_of(mdm), machine_at(mdm)

    async def work() -> None:
        mdm.portal(machine, "endpoint.lock")
        later = iso(SystemClock().now() + timedelta(minutes=10))
        intent = replace(intent_of("endpoint.lock", machine), sent_at=later)
        assert await adapter.find_own(intent) is None

    await closing(adapter, work())
