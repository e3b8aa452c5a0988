"""Microsoft Intune, simulated: a real HTTP server on loopback that speaks Microsoft Graph, written from Microsoft's pages.

What it answers: `simulator_service`. Command line and second door: `hinomi.playbooks.simulators.running`. A machine added
with ``"operatingSystem": "Windows"`` does not support the remote lock, as in the product.
"""

import argparse
from typing import Any

from hinomi.playbooks.simulators import Simulated
from hinomi.playbooks.simulators.entra import Tokens
from hinomi.playbooks.simulators.gate import Limits
from hinomi.playbooks.simulators.journal import Journal
from hinomi.playbooks.simulators.running import arguments, run
from hinomi.playbooks.vendors.intune.simulator_service import Service
from hinomi.playbooks.vendors.intune.simulator_world import World


def build(args: argparse.Namespace, journal: Journal, limits: Limits) -> Simulated:
    """Put the product together."""
    world = World(pending=args.pending, running=args.running, leaves=args.leaves, shown=args.shown)
    tokens = Tokens(args.client_id, args.client_secret, args.token_seconds)

    def settings(url: str) -> dict[str, Any]:
        table = {"client_id": args.client_id, "client_secret": args.client_secret}
        return {"base_url": url, "token_url": f"{url}/tenant/oauth2/v2.0/token", **table}

    return Simulated(Service(tokens, world, journal, limits).app(), world, settings, frozenset())


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = arguments("Microsoft Intune", per_minute=200, per_hour=0)
    parser.add_argument("--leaves", type=float, default=60.0, help="seconds until a wiped device has left Intune")
    parser.add_argument("--shown", type=float, default=0.0, help="seconds until an act is shown at its device")
    run(parser.parse_args(argv), build)


if __name__ == "__main__":
    main()
