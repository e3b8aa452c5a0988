"""Pulls of alerts against the products' simulators: every version of every alert once, whatever the page size."""

from collections.abc import Iterator
from typing import Any

import pytest

from hinomi.collectors.pulls import Page, PullApi, PullError, pulls

pytestmark = pytest.mark.anyio
PRODUCTS = ["crowdstrike", "defender", "trend"]


@pytest.fixture(params=PRODUCTS)
def edr(request: pytest.FixtureRequest, simulator: Any, tmp_path: Any) -> Iterator[Any]:
    running = simulator(tmp_path, "--no-limits", product=request.param)
    yield running
    running.close()


def api_of(edr: Any, **own: Any) -> PullApi:
    return pulls.get(f"{edr.product}.alerts")(edr.settings, own)


async def drained(api: PullApi, cursor: str | None) -> tuple[list[str], Page]:
    """Ask until there is no more, leaving known versions out as the source does."""
    known: dict[str, None] = {}
    for _ in range(60):
        page = await api.fetch(cursor)
        cursor = page.cursor
        known.update(dict.fromkeys(version for version, _ in page.records))
        if page.last:
            return list(known), page
    raise AssertionError("it never ends")


async def test_every_alert_comes_once_over_many_pages(edr: Any) -> None:
    made = edr.steer("/alerts", [{"machineId": edr.machine(), "title": str(number)} for number in range(170)])
    api = api_of(edr, top=20, overlap=0)
    versions, page = await drained(api, None)
    refs = [version.partition("@")[0] for version in versions]
    assert sorted(refs) == sorted(str(alert.get("composite_id") or alert["id"]) for alert in made)
    assert await drained(api, page.cursor)  # and asking again ends as well
    await api.close()


async def test_an_updated_alert_is_a_new_version_of_the_same_id(edr: Any) -> None:
    made = edr.steer("/alerts", {"machineId": edr.machine(), "title": "one"})[0]
    ref = str(made.get("composite_id") or made["id"])
    api = api_of(edr)
    first, page = await drained(api, None)
    edr.steer("/alerts", {"id": ref, "status": "closed"})
    later, _ = await drained(api, page.cursor)
    assert [version.partition("@")[0] for version in {*first, *later}] == [ref, ref]
    await api.close()


@pytest.mark.parametrize(("kind", "wait"), [("429", True), ("500", False), ("401", False)])
async def test_a_vendor_that_refuses_is_an_error_and_loses_nothing(edr: Any, kind: str, wait: bool) -> None:
    edr.steer("/alerts", {"machineId": edr.machine(), "title": "one"})
    api = api_of(edr)
    edr.list_fault(kind, seconds=9)
    with pytest.raises(PullError) as raised:
        await api.fetch(None)
    assert (raised.value.retry_after is not None) == wait
    edr.lift_faults()
    assert len((await drained(api, None))[0]) == 1
    await api.close()


async def test_a_listed_alert_that_is_never_given_holds_up_the_rest_for_a_while_only(
    simulator: Any, tmp_path: Any
) -> None:
    falcon = simulator(tmp_path, "--no-limits", product="crowdstrike")
    try:
        good, ghost = falcon.steer("/alerts", [{"title": "good"}, {"title": "ghost"}])
        falcon.steer("/alerts", {"id": ghost["id"], "composite_id": "moved"})  # its entity answers to another id
        api = api_of(falcon)
        for _ in range(3):
            with pytest.raises(PullError, match="1 listed alerts were not given"):
                await api.fetch(None)
        page = await api.fetch(None)
        assert [version.partition("@")[0] for version, _ in page.records] == [good["composite_id"]]
        await api.close()
    finally:
        falcon.close()
