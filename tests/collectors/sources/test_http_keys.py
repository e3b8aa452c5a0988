"""A key that cannot be looked up is not called unknown: its sender is to send again."""

from typing import Any

import pytest

from hinomi.api import keys
from hinomi.clock import SystemClock, iso
from hinomi.collectors.sources.http import HttpSource, Keys, Refused
from hinomi.settings import Settings
from hinomi.state import State
from hinomi.tenancy import SCOPES, Grant


def test_while_the_state_store_is_away_known_keys_count_and_others_are_to_come_again(postgresql: Any) -> None:
    state, now = State(postgresql.new()), SystemClock().now()
    state.migrate()
    with state.write() as conn:
        secret = keys.create(conn, now, Grant("local:t", "", SCOPES), name="k", scopes=["ingest"])[1]
    source = _source()
    knowing, fresh = Keys(state, fresh=0), Keys(state, fresh=0)
    knowing.allows(secret, source, iso(now))
    postgresql.stop()
    try:
        knowing.allows(secret, source, iso(now))
        with pytest.raises(Refused) as raised:
            fresh.allows(secret, source, iso(now))
        assert raised.value.status == 503
    finally:
        postgresql.start()
    fresh.allows(secret, source, iso(now))
    with pytest.raises(Refused) as raised:
        fresh.allows("another", source, iso(now))
    assert raised.value.status == 401
    state.close()


def _source() -> HttpSource:
    from hinomi.collectors.sources import SourceContext

    table = {"kind": "http", "formats": ["windows.eventlog"], "tenant": "kita"}
    settings = Settings.model_validate({"sources": {"w": table}})
    return HttpSource(SourceContext("w", settings.sources["w"], settings, SystemClock()))
