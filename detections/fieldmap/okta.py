"""Okta's system log, as Elastic's ``okta`` integration names it (``okta.*``).

Record: developer.okta.com/docs/reference/api/system-log (LogEvent).
"""

from hinomi.detections.fieldmap import Targets, fieldmaps, snake, table
from hinomi.detections.fieldmap.readers import Tree

#: Fields that the integration names alike, in snake_case below ``okta.``
_ALIKE = (
    "uuid version severity actor.id actor.type actor.alternateId actor.displayName client.zone client.device client.id device.id device.name device.managed"
    " device.registered device.osPlatform device.osVersion outcome.reason target.id target.type target.alternateId target.displayName transaction.id transaction.type"
    " authenticationContext.authenticationProvider authenticationContext.authenticationStep authenticationContext.credentialProvider"
    " authenticationContext.credentialType authenticationContext.externalSessionId authenticationContext.interface securityContext.isp securityContext.domain"
    " securityContext.isProxy displayMessage debugContext.debugData.requestUri debugContext.debugData.requestId debugContext.debugData.riskLevel"
    " debugContext.debugData.riskReasons debugContext.debugData.riskBehaviors debugContext.debugData.threatSuspected debugContext.debugData.grantType"
    " debugContext.debugData.grantedScopes debugContext.debugData.requestedScopes debugContext.debugData.deviceFingerprint debugContext.debugData.dtHash"
)
FIELDS: dict[str, Targets] = {
    **{name: f"okta.{snake(name)}" for name in _ALIKE.split()}, "eventType": ("event.action", "okta.event_type"), "legacyEventType": "okta.legacy_event_type",
    "outcome.result": "okta.outcome.result", "client.ipAddress": ("client.ip", "okta.client.ip"), "client.userAgent.rawUserAgent": "user_agent.original",
    "client.userAgent.os": "okta.client.user_agent.os", "client.userAgent.browser": "okta.client.user_agent.browser",
    "client.geographicalContext.country": "client.geo.country_name", "client.geographicalContext.city": "client.geo.city_name",
    "client.geographicalContext.state": "client.geo.region_name", "securityContext.asNumber": "okta.security_context.as.number",
    "securityContext.asOrg": "okta.security_context.as.organization.name", "authenticationContext.issuer.id": "okta.authentication_context.issuer.id",
    "authenticationContext.issuer.type": "okta.authentication_context.issuer.type", "debugContext.debugData": "okta.debug_context.debug_data.flattened",
    "request.ipChain.ip": "okta.request.ip_chain.ip", "transaction.detail.requestApiTokenId": "okta.transaction.detail.request_api_token_id",
    "target.user.id": "okta.target.id",
    # Written as one text, or taken apart, as the source is set up.
    "debugContext.debugData.behaviors": "sigma.okta.behaviors", "debugContext.debugData.logOnlySecurityData": "sigma.okta.log_only_security_data",
}  # fmt: skip

fieldmaps.register("okta")(
    table(
        {"okta": ("event.dataset=okta.system", "event.module=okta"), "": ("event.module=okta",)},
        FIELDS,
        trees={"debugContext.debugData.": "okta.debug_context.debug_data."},
        vendor=("okta.",),
        fold=True,
        virtual={
            "sigma.okta.behaviors": Tree("okta.debug_context.debug_data.behaviors"),
            "sigma.okta.log_only_security_data": Tree("okta.debug_context.debug_data.logOnlySecurityData"),
        },
    )
)
