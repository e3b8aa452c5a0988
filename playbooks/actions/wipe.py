"""``endpoint.wipe``: erase one managed device from afar (MDM, OpenC2 delete/device); never sent twice, never undone."""

from hinomi.playbooks.actions import actions
from hinomi.playbooks.actions.endpoint import EndpointAction, NamedTarget


@actions.register("endpoint.wipe")
class WipeEndpoint(EndpointAction):
    """Erase one endpoint."""

    name = "endpoint.wipe"
    inputs = NamedTarget
    quorum = 2
    irreversible = True
