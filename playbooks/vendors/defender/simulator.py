"""Microsoft Defender for Endpoint, simulated: a real HTTP server on loopback, written from Microsoft's pages.

``python -m hinomi.playbooks.vendors.defender.simulator --port 0 --journal FILE --client-id … --client-secret …``
prints one JSON line {"port", "control_port"} when ready. What it answers: `simulator_service`. Faults, alerts and
the journal are reached through the second port with its own secret (`simulator_control`), never through the first.
"""

import argparse
import json
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

from hinomi.playbooks.vendors.defender.simulator_control import control_app
from hinomi.playbooks.vendors.defender.simulator_journal import Journal
from hinomi.playbooks.vendors.defender.simulator_service import Manner, Service
from hinomi.playbooks.vendors.defender.simulator_world import World


class Doors:
    """Both ports in one server: which one a request came through decides who answers."""

    def __init__(self, service: Service, control_port: int, control_secret: str):
        self._public = service.journal.kept(service.app())
        self._control = control_app(service.world, service.journal, control_secret)
        self._control_port = control_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        through_control = (scope.get("server") or ("", 0))[1] == self._control_port
        await (self._control if through_control else self._public)(scope, receive, send)


def _listen(port: int) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", port))
    found.listen(128)
    return found


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="simulator", description="Microsoft Defender for Endpoint, simulated on loopback."
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--control-secret", default="")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--machines", type=Path, help="JSON list of machines with id and computerDnsName")
    parser.add_argument("--pending", type=float, default=0.15, help="seconds an action stays Pending")
    parser.add_argument("--running", type=float, default=0.25, help="seconds it is InProgress")
    parser.add_argument("--expires", type=float, help="seconds until an action of an offline machine is TimeOut")
    parser.add_argument("--token-seconds", type=int, default=3599)
    parser.add_argument("--no-limits", action="store_true", help="no 429")
    parser.add_argument("--per-minute", type=int, default=100)
    parser.add_argument("--per-hour", type=int, default=1500)
    parser.add_argument("--repeat", choices=("error", "pending"), default="error")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    args = _arguments(argv)
    manner = Manner(
        args.client_id,
        args.client_secret,
        args.token_seconds,
        args.per_minute,
        args.per_hour,
        not args.no_limits,
        args.repeat,
    )
    world = World(pending=args.pending, running=args.running, expires=args.expires)
    for machine in json.loads(args.machines.read_text(encoding="utf-8")) if args.machines else ():
        world.add_machine(machine)
    public, control = _listen(args.port), _listen(args.control_port)
    ports = {"port": public.getsockname()[1], "control_port": control.getsockname()[1]}
    with Journal(args.journal) as journal:
        doors = Doors(Service(manner, world, journal), ports["control_port"], args.control_secret)
        config = uvicorn.Config(
            doors, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=[public, control])


if __name__ == "__main__":
    main()
