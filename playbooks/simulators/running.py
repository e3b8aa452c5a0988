"""The command line of every simulator, and its two ports in one server.

``python -m hinomi.playbooks.vendors.<product>.simulator --port 0 --journal FILE --client-id … --client-secret …`` prints
one JSON line when ready: {"port", "control_port", "settings": the product's table of the settings, "comments": the
actions with which the product keeps a comment}.
"""

import argparse
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

from hinomi.playbooks.simulators import Simulated
from hinomi.playbooks.simulators.control import control_app
from hinomi.playbooks.simulators.gate import Limits
from hinomi.playbooks.simulators.journal import Journal

Build = Callable[[argparse.Namespace, Journal, Limits], Simulated]


class Doors:
    """Both ports in one server: which one a request came through decides who answers."""

    def __init__(self, simulated: Simulated, journal: Journal, control_port: int, control_secret: str):
        self._public = journal.kept(simulated.app)
        self._control = control_app(simulated.world, journal, control_secret)
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


def arguments(name: str, per_minute: int, per_hour: int) -> argparse.ArgumentParser:
    """Return the options that every simulator has; a product may add its own."""
    parser = argparse.ArgumentParser(prog="simulator", description=f"{name}, simulated on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--control-secret", default="")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--machines", type=Path, help="JSON list of machines with id and computerDnsName")
    parser.add_argument("--pending", type=float, default=0.15, help="seconds an action waits to be started")
    parser.add_argument("--running", type=float, default=0.25, help="seconds it is carried out")
    parser.add_argument("--token-seconds", type=int, default=3599)
    parser.add_argument("--no-limits", action="store_true", help="no 429")
    parser.add_argument("--per-minute", type=int, default=per_minute)
    parser.add_argument("--per-hour", type=int, default=per_hour)
    return parser


def run(args: argparse.Namespace, build: Build) -> None:
    """Serve until SIGTERM."""
    limits = Limits() if args.no_limits else Limits(args.per_minute, args.per_hour)
    with Journal(args.journal) as journal:
        simulated = build(args, journal, limits)
        for machine in json.loads(args.machines.read_text(encoding="utf-8")) if args.machines else ():
            simulated.world.add_machine(machine)
        public, control = _listen(args.port), _listen(args.control_port)
        port, control_port = public.getsockname()[1], control.getsockname()[1]
        ready = {"port": port, "control_port": control_port, "settings": simulated.settings(f"http://127.0.0.1:{port}"),
                 "comments": sorted(simulated.comments)}  # fmt: skip
        doors = Doors(simulated, journal, control_port, args.control_secret)
        config = uvicorn.Config(
            doors, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=[public, control])
