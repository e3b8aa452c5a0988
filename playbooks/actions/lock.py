"""``endpoint.lock``: lock one managed device's screen from afar (MDM); what is on it stays."""

from hinomi.playbooks.actions import actions
from hinomi.playbooks.actions.endpoint import EndpointAction, NamedTarget


@actions.register("endpoint.lock")
class LockEndpoint(EndpointAction):
    """Lock one endpoint."""

    name = "endpoint.lock"
    inputs = NamedTarget
    quorum = 2
