"""A drill's fence: nothing but what is named is reached, whatever settings and libraries say."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hinomi.runtime.fence import hook


@pytest.fixture
def recorders(recorder_type: type[Any]) -> Iterator[tuple[Any, Any]]:
    made = recorder_type(), recorder_type()
    yield made
    for recorder in made:
        recorder.close()


ADAPTERS = """
import asyncio, json, socket, sys
from hinomi.playbooks.vendors import Intent, VendorError
from hinomi.runtime.fence import fence
from hinomi.runtime.parts import build_adapters
from hinomi.settings import Settings

real, named = json.loads(sys.argv[1])
url = f"http://127.0.0.1:{real}"
own = {"client_id": "c", "client_secret": "s"}
settings = Settings.model_validate({
    "drill": {"on": True, "reach": [f"127.0.0.1:{named}"]},
    "vendors": {
        "defender": {"base_url": url, "token_url": f"{url}/token", **own},
        "crowdstrike": {"base_url": url, **own}, "trend": {"base_url": url, "api_key": "k"},
    },
})
fence(settings)
fence(settings)

async def isolate(adapter):
    try:
        await adapter.apply(Intent("endpoint.isolate", {"device": "pc", "machine": "a" * 40}, "[hinomi:t]"))
    except VendorError as error:
        return error.kind
    finally:
        await adapter.close()

async def main():
    return {name: await isolate(adapter) for name, adapter in build_adapters(settings).items()}

def refused(act):
    try:
        act()
    except PermissionError as error:
        return str(error)

said = {"adapters": asyncio.run(main())}
said["connect"] = refused(lambda: socket.create_connection(("127.0.0.1", real)))
said["udp"] = refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", real)))
said["name"] = refused(lambda: socket.getaddrinfo("api.securitycenter.microsoft.com", 443))
socket.create_connection(("127.0.0.1", named)).close()
print(json.dumps(said))
"""


def test_no_product_of_the_settings_is_reached_from_behind_the_fence(recorders: tuple[Any, Any]) -> None:
    real, named = recorders
    ports = json.dumps([real.port, named.port])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ADAPTERS, ports], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["adapters"] == dict.fromkeys(("defender", "crowdstrike", "trend"), "retryable")
    assert f"a drill does not reach 127.0.0.1:{real.port}" in said["connect"]
    assert "a drill does not reach 127.0.0.1" in said["udp"]
    assert "api.securitycenter.microsoft.com" in said["name"]
    assert real.seen == []


def test_what_is_named_is_reached_by_address_or_by_name() -> None:
    look = hook(("127.0.0.1:25", "mail.school.example:587"))
    look("socket.connect", (None, ("127.0.0.1", 25)))
    look("socket.connect", (None, "/run/hinomi/wake"))
    look("socket.sendmsg", (None, None))
    look("socket.getaddrinfo", ("mail.school.example", 587, 0, 0, 0))
    look("socket.getaddrinfo", (None, 0, 0, 0, 0))
    look("socket.getaddrinfo", ("localhost", 0, 0, 0, 0))
    look("open", ("/etc/hosts", "r", 0))


def test_a_name_stands_for_the_addresses_that_it_had_when_it_was_looked_up_and_for_no_others() -> None:
    look = hook(("localhost:587", "127.0.0.1:25"))
    with pytest.raises(PermissionError, match="a drill does not reach"):
        look("socket.connect", (None, ("127.0.0.1", 587)))
    look("socket.getaddrinfo", ("LOCALHOST", 587, 0, 0, 0))
    look("socket.connect", (None, ("127.0.0.1", 587)))
    for place in (("203.0.113.9", 587), ("127.0.0.1", 26), ("127.0.0.2", 587)):
        with pytest.raises(PermissionError, match="a drill does not reach"):
            look("socket.connect", (None, place))


BY_NAME = """
import socket, sys
from hinomi.runtime.fence import fence
from hinomi.settings import Settings

named, other = map(int, sys.argv[1:])
fence(Settings.model_validate({"drill": {"on": True, "reach": [f"localhost:{named}"]}}))
socket.create_connection(("localhost", named)).close()
try:
    socket.create_connection(("localhost", other))
except PermissionError as error:
    print(error)
"""


def test_what_is_named_by_name_is_reached_in_a_process_that_has_the_fence(recorders: tuple[Any, Any]) -> None:
    named, other = recorders
    command = [sys.executable, "-W", "ignore", "-c", BY_NAME, str(named.port), str(other.port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "a drill does not reach" in done.stdout


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("socket.connect", (None, ("127.0.0.1", 26))),
        ("socket.connect", (None, ("::1", 25, 0, 0))),
        ("socket.connect", (None, ("203.0.113.9", 443))),
        ("socket.connect", (None, ("203.0.113.9", 587))),
        ("socket.sendto", (None, ("127.0.0.2", 25))),
        ("socket.getaddrinfo", ("other.example", 587, 0, 0, 0)),
        ("socket.getaddrinfo", (b"other.example", 587, 0, 0, 0)),
        ("socket.gethostbyname", ("slack.com",)),
    ],
)
def test_all_else_is_refused(event: str, args: tuple[object, ...]) -> None:
    with pytest.raises(PermissionError, match="a drill does not reach"):
        hook(("127.0.0.1:25", "mail.school.example:587"))(event, args)
