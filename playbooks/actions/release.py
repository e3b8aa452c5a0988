"""``endpoint.release``: lift the cut-off of one endpoint (D3FEND D3-RNA)."""

from hinomi.playbooks.actions import actions
from hinomi.playbooks.actions.endpoint import EndpointAction


@actions.register("endpoint.release")
class ReleaseEndpoint(EndpointAction):
    """Lift the cut-off."""

    name = "endpoint.release"
    undo = "endpoint.isolate"
    verifies = "released"
