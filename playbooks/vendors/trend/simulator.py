"""Trend Vision One, simulated: a real HTTP server on loopback, written from Trend Micro's pages.

What it answers: `simulator_service`. Command line and second door: `hinomi.playbooks.simulators.running`. The API key is
``--client-secret``. A machine added with ``"approval": true`` has its isolations wait until somebody does ``approve`` or
``reject`` in the console (the second door's /actions).
"""

import argparse
from typing import Any

from hinomi.playbooks.simulators import Simulated
from hinomi.playbooks.simulators.gate import Limits
from hinomi.playbooks.simulators.journal import Journal
from hinomi.playbooks.simulators.running import arguments, run
from hinomi.playbooks.vendors.trend.simulator_service import Service
from hinomi.playbooks.vendors.trend.simulator_world import World


def build(args: argparse.Namespace, journal: Journal, limits: Limits) -> Simulated:
    """Put the product together."""
    world = World(queued=args.pending, running=args.running)
    service = Service(args.client_secret, world, journal, limits)

    def settings(url: str) -> dict[str, Any]:
        return {"base_url": url, "api_key": args.client_secret}

    return Simulated(service.app(), world, settings, frozenset(world.words))


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    run(arguments("Trend Vision One", per_minute=100, per_hour=0).parse_args(argv), build)


if __name__ == "__main__":
    main()
