"""Whom a drill may reach: its processes know nothing of the live installation, unless real people are to be written to."""

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from hinomi.cli.acting.ports import free_port
from hinomi.cli.drill.reach import environment, reached_by, sent_by
from hinomi.errors import ConfigError
from hinomi.playbooks.channels import Message
from hinomi.runtime.parts import build_channels
from hinomi.settings import Settings, load_settings

pytestmark = pytest.mark.anyio


def live(**mail: Any) -> Settings:
    return Settings.model_validate({
        "mail": {"host": "mail.school.example", "port": 587, "sender": "soc@school.example", "password": "pw", "ca_file": "/ca.pem", **mail},
        "channels": {
            "slack": {"token": "xoxb", "signing_secret": "s", "app_token": "xapp", "channel": "C9", "roles": ["operator"]},
            "teams": {"url": "https://flows.example/secret", "roles": ["board"]},
        },
        "vendors": {"defender": {"base_url": "https://api.securitycenter.microsoft.com", "client_secret": "edr-secret"}},
    })  # fmt: skip


def test_settings_and_proxies_of_the_environment_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HINOMI_VENDORS__DEFENDER__BASE_URL", "hinomi_mail__host", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "https://real.example")
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    kept = environment({})
    assert "https://real.example" not in kept.values()
    assert (kept["LANG"], kept["PATH"]) == ("ja_JP.UTF-8", environment({"X": "1"})["PATH"])


def test_nobody_is_reached_unless_that_is_asked_for() -> None:
    assert reached_by({}) == []
    with pytest.raises(ConfigError, match="no way to real people"):
        sent_by(live(host=""))


def test_real_people_are_reached_by_mail_and_rooms_and_no_product_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sending = sent_by(live())
    assert reached_by(sending) == ["mail.school.example:587", "slack.com:443", "flows.example:443"]
    assert "edr-secret" not in str(sending)
    for name, value in sending.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "hinomi.toml"
    file.write_text("[drill]\non = true\n", encoding="utf-8")
    settings = load_settings(file)
    assert settings.mail == live().mail
    slack = settings.channels["slack"]
    assert (slack["token"], slack["signing_secret"], slack["app_token"]) == (
        "xoxb",
        "",
        "",
    )  # nobody's click counts here
    assert {type(channel).__name__ for channel in build_channels(settings).values()} == {"MarkedChannel", "MarkedRoom"}


async def test_what_real_people_get_is_marked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    taken: list[Any] = []

    class Box:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            taken.append(message_from_bytes(envelope.content, policy=policy.default))
            return "250 OK"

    port = free_port()
    server = Controller(Box(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        for name, value in sent_by(live(host="127.0.0.1", port=port)).items():
            monkeypatch.setenv(name, value)
        file = tmp_path / "hinomi.toml"
        file.write_text("[drill]\non = true\n", encoding="utf-8")
        channel: Any = build_channels(load_settings(file))["mail"]
        await channel.send(Message("1", "t1@school.example", "端末を切り離しました", "本文"))
    finally:
        server.stop()
    assert str(taken[0]["Subject"]) == "【訓練】端末を切り離しました"
    assert "これは訓練です" in taken[0].get_content()
