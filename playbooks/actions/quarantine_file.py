"""``endpoint.quarantine_file``: stop and quarantine one file on one endpoint (D3FEND D3-FR); never sent twice."""

from hinomi.playbooks.actions import actions
from hinomi.playbooks.actions.endpoint import EndpointAction, FileTarget


@actions.register("endpoint.quarantine_file")
class QuarantineFile(EndpointAction):
    """Stop and quarantine one file."""

    name = "endpoint.quarantine_file"
    inputs = FileTarget
