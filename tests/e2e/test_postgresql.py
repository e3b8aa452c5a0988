"""All of hinomi on PostgreSQL: a line, an isolation, also across a stop of the server."""

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.timeout(300)
def test_a_line_isolates_and_one_that_comes_while_postgresql_is_stopped_does_so_when_it_is_back(
    postgresql: Any, world_module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventually, macro = world_module.eventually, world_module.macro
    url = postgresql.new()
    monkeypatch.setenv("HINOMI_STATE__URL", url)  # `init` makes its first key there
    world = world_module.World(tmp_path)
    world.lay_out(extra=f'[state]\nurl = "{url}"\n', devices=world_module.DEVICES.replace(",yes,", ",no,"))
    monkeypatch.delenv("HINOMI_STATE__URL")
    world.activate()
    try:
        world.start()
        assert world.post([macro()])[0] == 200
        assert eventually(world.isolations, 60)
        postgresql.stop()
        try:
            assert world.post([macro(host="PC-0102")]) == (200, {"accepted": 1}), "taken in without the state store"
            answer = eventually(lambda: world.call("incidents"))
            assert (answer["status"], "Traceback" in str(answer)) == (503, False)
        finally:
            postgresql.start()
        assert eventually(lambda: len(world.isolations()) == 2, 90)
        assert eventually(lambda: world.call("hosts/PC-0102").get("state") == "isolated", 60)
        assert len(world.isolations()) == 2
        said = (tmp_path / "serve.log").read_text()
        assert "role_died" not in said, "every process lives through it"
    finally:
        world.stop()
    assert not (world.config.parent / "data" / "state.db").exists()
    world.hinomi("--config", str(world.config), "audit", "verify")
