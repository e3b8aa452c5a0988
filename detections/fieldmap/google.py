"""Google Workspace and Google Cloud, as Elastic's ``google_workspace`` and ``gcp`` integrations name them.

Schemas: developers.google.com/workspace/admin/reports/v1/appendix/activity, cloud.google.com/logging/docs/audit
(AuditLog). Sigma keeps Workspace below product ``gcp``, as it comes through Cloud Audit Logs.
"""

from hinomi.detections.fieldmap import Targets, fieldmaps, table

APPLICATIONS = ("admin", "login", "drive", "groups", "token", "rules", "saml", "user_accounts", "alert", "chat", "calendar", "meet", "gmail",
                "device", "context_aware_access", "gcp", "keep", "vault", "data_studio", "access_transparency", "chrome")  # fmt: skip
#: Parameters of the Admin SDK's events that the integration gives a path of their own.
ADMIN: dict[str, Targets] = {
    "setting_name": "google_workspace.admin.setting.name", "application_name": "google_workspace.admin.application.name", "org_unit_name": "google_workspace.admin.org_unit.name",
    "new_value": "google_workspace.admin.new_value", "old_value": "google_workspace.admin.old_value", "role_name": "google_workspace.admin.role.name",
    "privilege_name": "google_workspace.admin.privilege.name", "user_email": ("google_workspace.admin.user.email", "user.target.email"),
    "group_email": ("google_workspace.admin.group.email", "group.name"), "domain_name": "google_workspace.admin.domain.name",
    "api_client_name": "google_workspace.admin.api.client.name", "api_scopes": "google_workspace.admin.api.scopes", "device_id": "google_workspace.admin.device.id",
    "email_log_search_msg_id": "google_workspace.admin.email.log_search_filter.message_id", "rule_name": "google_workspace.admin.rule.name",
}  # fmt: skip
LOGIN: dict[str, Targets] = {
    "login_type": "google_workspace.login.type", "login_challenge_method": "google_workspace.login.challenge_method",
    "login_failure_type": "google_workspace.login.failure_type", "is_suspicious": "google_workspace.login.is_suspicious",
    "is_second_factor": "google_workspace.login.is_second_factor", "affected_email_address": ("google_workspace.login.affected_email_address", "user.target.email"),
}  # fmt: skip
DRIVE: dict[str, Targets] = {
    "doc_title": "file.name", "doc_type": "google_workspace.drive.file.type", "doc_id": "google_workspace.drive.file.id", "owner": ("file.owner", "google_workspace.drive.file.owner.email"),
    "visibility": "google_workspace.drive.visibility", "old_visibility": "google_workspace.drive.old_visibility", "visibility_change": "google_workspace.drive.visibility_change",
    "target_user": "google_workspace.drive.target", "target_domain": "google_workspace.drive.target_domain", "billable": "google_workspace.drive.billable",
    "primary_event": "google_workspace.drive.primary_event", "originating_app_id": "google_workspace.drive.originating_app_id",
}  # fmt: skip
GROUPS: dict[str, Targets] = {
    "group_email": ("google_workspace.groups.email", "group.name"), "user_email": ("google_workspace.groups.member.email", "user.target.email"),
    "acl_permission": "google_workspace.groups.acl_permission", "new_value": "google_workspace.groups.new_value", "old_value": "google_workspace.groups.old_value",
    "member_role": "google_workspace.groups.member.role", "basic_setting": "google_workspace.groups.setting",
}  # fmt: skip
TOKEN: dict[str, Targets] = {
    "app_name": "google_workspace.token.app_name", "client_id": "google_workspace.token.client.id", "client_type": "google_workspace.token.client.type",
    "scope": "google_workspace.token.scope.value", "method_name": "google_workspace.token.method_name", "api_name": "google_workspace.token.api_name",
}  # fmt: skip
_NAMES = (
    "eventName",
    "events.name",
    "name",
    "event.name",
    "protoPayload.metadata.event.eventName",
    "data.protoPayload.metadata.event.eventName",
)
_SERVICES = (
    "eventService",
    "id.applicationName",
    "applicationName",
    "protoPayload.serviceName",
    "protoPayload.Servicename",
    "data.protoPayload.serviceName",
    "serviceName",
)
WORKSPACE: dict[str, Targets] = {
    **dict.fromkeys(_NAMES, "event.action"), **dict.fromkeys(_SERVICES, "event.provider"), "eventType": "google_workspace.event.type", "events.type": "google_workspace.event.type",
    **dict.fromkeys(("actor.email", "actorEmail", "protoPayload.authenticationInfo.principalEmail"), ("user.email", "google_workspace.actor.email")),
    "actor.callerType": "google_workspace.actor.type", "actor.profileId": "user.id", **dict.fromkeys(("ipAddress", "protoPayload.requestMetadata.callerIp"), "source.ip"),
    "ownerDomain": "google_workspace.organization.domain", "id.customerId": "organization.id",
}  # fmt: skip
#: The name of the Google API → that of the report's application.
_PROVIDER = {f"{name}.googleapis.com": name for name in APPLICATIONS}
WORKSPACE_SOURCES = {f"google_workspace.{name}": (f"event.dataset=google_workspace.{name}",) for name in APPLICATIONS}
_OWN = {"admin": ADMIN, "login": LOGIN, "drive": DRIVE, "groups": GROUPS, "token": TOKEN}
WORKSPACE_OF = {f"google_workspace.{name}": WORKSPACE | _OWN.get(name, {}) for name in APPLICATIONS}
#: Any other parameter of an event stays by its name, below its application.
WORKSPACE_REST = {source: f"{source}.{{}}" for source in WORKSPACE_SOURCES}
WORKSPACE_VALUES = {name: {"event.provider": _PROVIDER} for name in _SERVICES}

AUDIT: dict[str, Targets] = {
    "methodName": ("gcp.audit.method_name", "event.action"), "serviceName": ("gcp.audit.service_name", "service.name"), "resourceName": "gcp.audit.resource_name",
    "authenticationInfo.principalEmail": ("gcp.audit.authentication_info.principal_email", "user.email"),
    "authenticationInfo.authoritySelector": "gcp.audit.authentication_info.authority_selector", "authenticationInfo.principalSubject": "gcp.audit.authentication_info.principal_subject",
    "authenticationInfo.serviceAccountKeyName": "gcp.audit.authentication_info.service_account_key_name",
    "authorizationInfo.permission": "gcp.audit.authorization_info.permission", "authorizationInfo.granted": "gcp.audit.authorization_info.granted",
    "authorizationInfo.resource": "gcp.audit.authorization_info.resource", "numResponseItems": "gcp.audit.num_response_items",
    "requestMetadata.callerIp": ("source.ip", "gcp.audit.request_metadata.caller_ip"), "requestMetadata.callerSuppliedUserAgent": "user_agent.original",
    "resourceLocation.currentLocations": "gcp.audit.resource_location.current_locations", "status.code": "gcp.audit.status.code", "status.message": "gcp.audit.status.message",
    "resource.type": "gcp.audit.flattened.resource.type", "logName": "log.logger",
}  # fmt: skip

fieldmaps.register("gcp")(
    table(
        {"gcp.audit": ("event.dataset=gcp.audit",), "": ("event.module=gcp",), **WORKSPACE_SOURCES},
        {f"{begin}{name}": targets for begin in ("", "data.protoPayload.", "protoPayload.", "data.") for name, targets in AUDIT.items()},
        of=WORKSPACE_OF,
        rest=WORKSPACE_REST,
        trees={f"{begin}{name}.": f"gcp.audit.{name}." for begin in ("data.protoPayload.", "protoPayload.") for name in ("request", "response", "labels")},
        vendor=("gcp.", "google_workspace."),
        values=WORKSPACE_VALUES,
    )
)  # fmt: skip
fieldmaps.register("google_workspace")(
    table(
        {**WORKSPACE_SOURCES, **{name: sources for name in APPLICATIONS for sources in (WORKSPACE_SOURCES[f"google_workspace.{name}"],)}, "": ("event.module=google_workspace",)},
        WORKSPACE,
        of={**WORKSPACE_OF, **{name: WORKSPACE_OF[f"google_workspace.{name}"] for name in APPLICATIONS}},
        rest={**WORKSPACE_REST, **{name: f"google_workspace.{name}.{{}}" for name in APPLICATIONS}},
        vendor=("google_workspace.",),
        values=WORKSPACE_VALUES,
    )
)  # fmt: skip
