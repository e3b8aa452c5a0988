"""Amazon Web Services: CloudTrail, as Elastic's ``aws`` integration names it (``aws.cloudtrail.*``).

Record: docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html.
"""

from hinomi.detections.fieldmap import fieldmaps, table

TRAIL = "aws.cloudtrail"

fieldmaps.register("aws")(
    table(
        {"cloudtrail": ("event.dataset=aws.cloudtrail",), "": ("event.module=aws",)},
        {
            "eventName": "event.action", "eventSource": "event.provider", "eventID": "event.id", "awsRegion": "cloud.region",
            "sourceIPAddress": ("source.address", "source.ip"), "userAgent": "user_agent.original", "errorCode": f"{TRAIL}.error_code",
            "errorMessage": f"{TRAIL}.error_message", "eventType": f"{TRAIL}.event_type", "eventVersion": f"{TRAIL}.event_version",
            "eventCategory": f"{TRAIL}.event_category", "readOnly": f"{TRAIL}.read_only", "managementEvent": f"{TRAIL}.management_event",
            "requestID": f"{TRAIL}.request_id", "apiVersion": f"{TRAIL}.api_version", "recipientAccountId": f"{TRAIL}.recipient_account_id",
            "sharedEventID": f"{TRAIL}.shared_event_id", "vpcEndpointId": f"{TRAIL}.vpc_endpoint_id", "serviceEventDetails": f"{TRAIL}.service_event_details",
            "sessionCredentialFromConsole": f"{TRAIL}.session_credential_from_console", "resources.ARN": f"{TRAIL}.resources.arn",
            "resources.accountId": f"{TRAIL}.resources.account_id", "resources.type": f"{TRAIL}.resources.type",
            "userIdentity.type": f"{TRAIL}.user_identity.type", "userIdentity.arn": f"{TRAIL}.user_identity.arn",
            "userIdentity.accessKeyId": f"{TRAIL}.user_identity.access_key_id", "userIdentity.invokedBy": f"{TRAIL}.user_identity.invoked_by",
            "userIdentity.userName": "user.name", "userIdentity.principalId": "user.id", "userIdentity.accountId": "cloud.account.id",
            "userIdentity.sessionContext.attributes.mfaAuthenticated": f"{TRAIL}.user_identity.session_context.mfa_authenticated",
            "userIdentity.sessionContext.attributes.creationDate": f"{TRAIL}.user_identity.session_context.creation_date",
            "userIdentity.sessionContext.sessionIssuer.type": f"{TRAIL}.user_identity.session_context.session_issuer.type",
            "userIdentity.sessionContext.sessionIssuer.arn": f"{TRAIL}.user_identity.session_context.session_issuer.arn",
            "userIdentity.sessionContext.sessionIssuer.principalId": f"{TRAIL}.user_identity.session_context.session_issuer.principal_id",
            "userIdentity.sessionContext.sessionIssuer.accountId": f"{TRAIL}.user_identity.session_context.session_issuer.account_id",
            "userIdentity.sessionContext.sessionIssuer.userName": "user.name",
            "requestParameters": f"{TRAIL}.request_parameters", "responseElements": f"{TRAIL}.response_elements",
            "additionalEventData": f"{TRAIL}.additional_eventdata", "tlsDetails.tlsVersion": "tls.version", "tlsDetails.cipherSuite": "tls.cipher",
            "tlsDetails.clientProvidedHostHeader": "tls.client.server_name",
            "additionalEventData.MFAUsed": f"{TRAIL}.console_login.additional_eventdata.mfa_used",
            "additionalEventData.LoginTo": f"{TRAIL}.console_login.additional_eventdata.login_to",
            "additionalEventData.MobileVersion": f"{TRAIL}.console_login.additional_eventdata.mobile_version",
        },
        trees={
            "requestParameters.": f"{TRAIL}.flattened.request_parameters.", "responseElements.": f"{TRAIL}.flattened.response_elements.",
            "additionalEventData.": f"{TRAIL}.flattened.additional_eventdata.", "serviceEventDetails.": f"{TRAIL}.flattened.service_event_details.",
        },
        vendor=("aws.",),
        values={
            name: {f"{TRAIL}.console_login.additional_eventdata.{field}": {"yes": "true", "no": "false"}}
            for name, field in (("additionalEventData.MFAUsed", "mfa_used"), ("additionalEventData.MobileVersion", "mobile_version"))
        },
    )
)  # fmt: skip
