"""``endpoint.isolate``: cut one endpoint off the network until it is released (D3FEND D3-NI)."""

from hinomi.playbooks.actions import actions
from hinomi.playbooks.actions.endpoint import EndpointAction


@actions.register("endpoint.isolate")
class IsolateEndpoint(EndpointAction):
    """Cut one endpoint off the network."""

    name = "endpoint.isolate"
    undo = "endpoint.release"
    verifies = "isolated"
    guarded = True
