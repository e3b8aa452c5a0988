"""Azure and Entra ID: audit, sign-in, activity and risk logs, as Elastic's ``azure`` integration names them.

Schemas: learn.microsoft.com/azure/azure-monitor/reference/tables (AuditLogs, SigninLogs, AzureActivity), Graph riskDetection.
Rules spell these fields with every case there is, so case is not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hinomi.detections.fieldmap import Choice, Targets, fieldmaps, snake, table
from hinomi.detections.fieldmap.readers import Tree
from hinomi.event import Event

AUDIT, SIGNIN, ACTIVITY, RISK = "azure.auditlogs", "azure.signinlogs", "azure.activitylogs", "azure.identityprotection"
COMMON: dict[str, Targets] = {
    "location": ("source.geo.country_iso_code", "geo.country_iso_code", "source.geo.country_name", "geo.country_name"), "userAgent": "user_agent.original",
    "callerIpAddress": ("source.ip", "azure.signinlogs.caller_ip_address"), "ipAddress": "source.ip", "correlationId": "azure.correlation_id", "tenantId": "azure.tenant_id",
    "resourceId": ("azure.resource.id", "azure.resource_id"), "resourceGroup": "azure.resource.group", "resourceProviderValue": "azure.resource.provider",
    "subscriptionId": ("azure.subscription_id", "cloud.account.id"), "level": "log.level", "status": "event.outcome", "resultDescription": f"{SIGNIN}.result_description",
}  # fmt: skip
_MODIFIED = f"{AUDIT}.properties.target_resources."


@dataclass(frozen=True)
class Modified:
    """The new value of one modified property, found by its display name beside it."""

    name: str

    evidence = staticmethod(str)

    @property
    def choices(self) -> Sequence[Choice]:
        """The new values of all: a query does not know which belongs to which name."""
        return [((), (f"{_MODIFIED}*.new_value",))]

    def __call__(self, event: Event) -> list[Any]:
        """Return the new value, without the quotes that the log puts around it."""
        ends = [
            name.removesuffix("display_name")
            for name, value in event.items()
            if value == self.name and name.startswith(_MODIFIED)
        ]
        return [str(event[f"{begin}new_value"]).strip('"') for begin in ends if f"{begin}new_value" in event]


_INITIATOR = Tree(f"{AUDIT}.properties.initiated_by.")
_TARGETS = Tree(f"{AUDIT}.properties.target_resources.", names=True)
_OPERATION: dict[str, dict[str, Targets]] = {
    log: dict.fromkeys(("operationName", "operationNameValue", "activityType", "activityDisplayName"), ("event.action", f"{log}.operation_name"))
    for log in (AUDIT, SIGNIN, ACTIVITY, RISK)
}  # fmt: skip


def _properties(log: str, names: str) -> dict[str, Targets]:
    """Return the fields below ``properties``, which rules name with and without that word: camelCase → snake_case."""
    made: dict[str, Targets] = {}
    for name in names.split():
        target = f"{log}.properties.{snake(name)}"
        made[name] = made[f"properties.{name}"] = target
    return made


_AUDITLOGS: dict[str, Targets] = {
    **_OPERATION[AUDIT],
    **_properties(AUDIT, "result resultReason loggedByService operationType activityDisplayName correlationId id authenticationProtocol"),
    "activityDisplayName": (f"{AUDIT}.properties.activity_display_name", "event.action"),
    "properties.message": ("event.action", f"{AUDIT}.properties.activity_display_name", "message", "sigma.azure.target_resources"),
    "result": ("event.outcome", f"{AUDIT}.properties.result"), "properties.result": ("event.outcome", f"{AUDIT}.properties.result"),
    "category": (f"{AUDIT}.properties.category", f"{AUDIT}.category"), "properties.category": (f"{AUDIT}.properties.category", f"{AUDIT}.category"),
    **dict.fromkeys(("initiatedBy", "properties.initiatedBy", "initiated.by", "initiatied.by", "identity"), "sigma.azure.initiated_by"),
    **dict.fromkeys(("target", "targetResources", "properties.targetResources", "targetResource"), "sigma.azure.target_resources"),
    "targetResources.modifiedProperties": "sigma.azure.target_resources", "targetResources.type": "sigma.azure.target_type",
    "targetResources.displayName": "sigma.azure.target_name", "targetResources.id": "sigma.azure.target_id",
    "targetResources.userPrincipalName": "sigma.azure.target_user",
    "targetResources.modifiedProperties.newValue": "sigma.azure.modified_new", "targetResources.modifiedProperties.oldValue": "sigma.azure.modified_old",
    "targetResources.modifiedProperties.displayName": "sigma.azure.modified_name",
    "additionalDetails": "sigma.azure.additional_details", "additionalDetails.additionalInfo": "sigma.azure.additional_details",
    "consentContext.isAdminConsent": "sigma.azure.consent",
}  # fmt: skip
_SIGNIN_NAMES = (
    "id userDisplayName userPrincipalName userId appId appDisplayName autonomousSystemNumber clientAppUsed conditionalAccessStatus"
    " originalRequestId isInteractive tokenIssuerName tokenIssuerType riskDetail riskLevelAggregated riskState riskEventTypes"
    " resourceDisplayName resourceId resourceTenantId homeTenantId authenticationDetails authenticationProcessingDetails authenticationRequirement"
    " authenticationRequirementPolicies appliedConditionalAccessPolicies flaggedForReview networkLocationDetails servicePrincipalName servicePrincipalId"
    " userType crossTenantAccessType isTenantRestricted authenticationProtocol incomingTokenType uniqueTokenIdentifier servicePrincipalCredentialKeyId"
    " clientCredentialType originalTransferMethod deviceDetail.deviceId deviceDetail.operatingSystem deviceDetail.browser deviceDetail.displayName"
    " deviceDetail.trustType deviceDetail.isCompliant deviceDetail.isManaged status.errorCode"
)
_SIGNINLOGS: dict[str, Targets] = {
    **_OPERATION[SIGNIN], **_properties(SIGNIN, _SIGNIN_NAMES), "activityDetails": (f"{SIGNIN}.operation_name", "event.action"),
    "resultType": f"{SIGNIN}.result_type", "resultSignature": f"{SIGNIN}.result_signature", "category": f"{SIGNIN}.category", "identity": f"{SIGNIN}.identity",
    "riskLevelDuringSignIn": f"{SIGNIN}.properties.risk_level_during_signin", "properties.riskLevelDuringSignIn": f"{SIGNIN}.properties.risk_level_during_signin",
    "properties.message": (f"{SIGNIN}.properties.authentication_protocol", "message"), "clientApp": f"{SIGNIN}.properties.client_app_used",
    **dict.fromkeys(("status.additionalDetails", "status.failureReason", "properties.status.additionalDetails", "properties.status.failureReason"), "message"),
    "username": (f"{SIGNIN}.properties.user_principal_name", "user.name", "user.email"),
}  # fmt: skip
_ACTIVITYLOGS: dict[str, Targets] = {
    **_OPERATION[ACTIVITY], "properties.message": ("event.action", f"{ACTIVITY}.operation_name", "message", f"{ACTIVITY}.properties.message"),
    "category": f"{ACTIVITY}.category", "categoryValue": (f"{ACTIVITY}.category", f"{ACTIVITY}.event_category"), "eventCategory": f"{ACTIVITY}.event_category",
    "resultType": f"{ACTIVITY}.result_type", "resultSignature": f"{ACTIVITY}.result_signature", "activityStatusValue": "event.outcome",
    "caller": ("user.name", f"{ACTIVITY}.identity.claims_initiated_by_user.name"), "resourceProvider": "azure.resource.provider",
    "authorization.action": f"{ACTIVITY}.identity.authorization.action", "authorization.scope": f"{ACTIVITY}.identity.authorization.scope",
}  # fmt: skip
_RISKDETECTION: dict[str, Targets] = {
    **_OPERATION[RISK],
    **_properties(
        RISK, "activity additionalInfo detectionTimingType ipAddress isDeleted isProcessing location requestId riskDetail riskEventType riskLevel riskState riskType source tokenIssuerType userDisplayName userId userPrincipalName userType"
    ),
    "category": f"{RISK}.category",
}  # fmt: skip
#: Privileged Identity Management's alerts are no log of Azure Monitor: Graph unifiedRoleManagementAlert, its id.
_PIM: dict[str, Targets] = {
    **_RISKDETECTION,
    "riskEventType": ("event.code", f"{RISK}.properties.risk_event_type", "rule.id"),
}
_OUTCOME = {
    "success": "success",
    "sucess": "success",
    "succeeded": "success",
    "failure": "failure",
    "failed": "failure",
}
_PROTOCOL = {"device code": "deviceCode", "ropc": "ropc"}

fieldmaps.register("azure")(
    table(
        {
            "auditlogs": ("event.dataset=azure.auditlogs",), "signinlogs": ("event.dataset=azure.signinlogs",),
            "activitylogs": ("event.dataset=azure.activitylogs",), "azureactivity": ("event.dataset=azure.activitylogs",),
            "riskdetection": ("event.dataset=azure.identity_protection", "event.dataset=azure.identityprotection"),
            "pim": ("event.dataset=azure.pim", "event.dataset=azure.identity_protection", "event.dataset=azure.identityprotection"),
            "": ("event.module=azure",),
        },
        COMMON,
        of={"auditlogs": _AUDITLOGS, "signinlogs": _SIGNINLOGS, "activitylogs": _ACTIVITYLOGS, "azureactivity": _ACTIVITYLOGS,
            "riskdetection": _RISKDETECTION, "pim": _PIM},
        vendor=("azure.", "geo."),
        values={
            **{name: {"event.outcome": _OUTCOME} for name in ("status", "result", "properties.result", "activityStatusValue")},
            "properties.message": {f"{SIGNIN}.properties.authentication_protocol": _PROTOCOL},
            "ActivityDetails": {f"{SIGNIN}.operation_name": {"sign-ins": "Sign-in activity"}, "event.action": {"sign-ins": "Sign-in activity"}},
            "NetworkLocationDetails": {f"{SIGNIN}.properties.network_location_details": {"[]": None}},
        },
        fold=True,
        virtual={
            "sigma.azure.initiated_by": _INITIATOR, "sigma.azure.target_resources": _TARGETS,
            "sigma.azure.target_type": Tree(f"{AUDIT}.properties.target_resources.", ".type"),
            "sigma.azure.target_name": Tree(f"{AUDIT}.properties.target_resources.", ".display_name"),
            "sigma.azure.target_id": Tree(f"{AUDIT}.properties.target_resources.", ".id"),
            "sigma.azure.target_user": Tree(f"{AUDIT}.properties.target_resources.", ".user_principal_name"),
            "sigma.azure.modified_new": Tree(f"{AUDIT}.properties.target_resources.", ".new_value"),
            "sigma.azure.modified_old": Tree(f"{AUDIT}.properties.target_resources.", ".old_value"),
            "sigma.azure.modified_name": Tree(f"{AUDIT}.properties.target_resources.", ".display_name"),
            "sigma.azure.additional_details": Tree(f"{AUDIT}.properties.additional_details."),
            "sigma.azure.consent": Modified("ConsentContext.IsAdminConsent"),
        },
    )
)  # fmt: skip
