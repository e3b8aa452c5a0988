"""Microsoft 365: the unified audit log, as Elastic's ``o365`` integration names it (``o365.audit.*``).

Schema: learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema.
"""

from hinomi.detections.fieldmap import Targets, fieldmaps, table
from hinomi.detections.fieldmap.readers import Tree

LOG = ("event.dataset=o365.audit", "event.dataset=m365.audit")
FIELDS: dict[str, Targets] = {
    "Operation": "event.action", "eventName": ("event.action", "rule.name", "o365.audit.Name"), "Workload": "event.provider", "eventSource": "event.provider",
    "RecordType": ("event.code", "o365.audit.RecordType"), "ResultStatus": ("o365.audit.ResultStatus", "event.outcome"), "status": "event.outcome",
    "Id": "event.id", "OrganizationId": "organization.id", "UserId": ("user.id", "o365.audit.UserId"), "ClientIP": ("source.ip", "o365.audit.ClientIP"),
    "ClientIPAddress": ("source.ip", "o365.audit.ClientIPAddress"), "ActorIpAddress": ("source.ip", "o365.audit.ActorIpAddress"), "UserAgent": "user_agent.original",
    "SourceFileName": "file.name", "SourceFileExtension": "file.extension", "SourceRelativeUrl": "file.directory", "Name": ("rule.name", "o365.audit.Name"),
    "PolicyId": "rule.id", "Category": "rule.category", "AlertEntityId": "rule.description", "EntityType": "rule.ruleset", "Comments": "message",
    "Parameters": "sigma.o365.parameters", "OperationProperties": "sigma.o365.operation_properties", "ExtendedProperties": "sigma.o365.extended_properties",
    "ModifiedProperties": "sigma.o365.modified_properties", "RequestType": ("o365.audit.ExtendedProperties.RequestType", "o365.audit.RequestType"),
}  # fmt: skip
#: Lists of name and value in the record; the integration makes fields of the names.
PROPERTIES = {
    "parameters": "Parameters", "operation_properties": "OperationProperties", "extended_properties": "ExtendedProperties",
    "modified_properties": "ModifiedProperties",
}  # fmt: skip
OUTCOME = {"success": "success", "succeeded": "success", "partiallysucceeded": "success", "true": "success", "failed": "failure", "failure": "failure", "false": "failure"}  # fmt: skip

fieldmaps.register("m365")(
    table(
        dict.fromkeys(("audit", "exchange", "threat_management", "threat_detection", "sharepoint", "teams", "azureactivedirectory", ""), LOG),
        FIELDS,
        rest="o365.audit.{}",
        vendor=("o365.audit.",),
        fold=True,
        values={"status": {"event.outcome": OUTCOME}, "ResultStatus": {"event.outcome": OUTCOME}},
        virtual={f"sigma.o365.{name}": Tree(f"o365.audit.{tree}.", names=True) for name, tree in PROPERTIES.items()},
    )
)  # fmt: skip
