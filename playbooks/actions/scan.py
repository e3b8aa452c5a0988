"""``endpoint.scan``: a full scan of one endpoint."""

from hinomi.playbooks.actions import actions
from hinomi.playbooks.actions.endpoint import EndpointAction


@actions.register("endpoint.scan")
class ScanEndpoint(EndpointAction):
    """Scan one endpoint."""

    name = "endpoint.scan"
    verifies = "clean"
