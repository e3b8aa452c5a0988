"""Where code is kept: GitHub's and Bitbucket's audit logs, as Elastic's integrations name them.

Records: docs.github.com audit-log events; confluence.atlassian.com Bitbucket Data Center audit log events.
"""

from hinomi.detections.fieldmap import fieldmaps, table

fieldmaps.register("github")(
    table(
        {"audit": ("event.dataset=github.audit",), "": ("event.module=github",)},
        {
            "action": "event.action", "actor": "user.name", "user": "user.target.name", "actor_ip": ("github.actor_ip", "source.ip"), "user_agent": ("user_agent.original", "github.user_agent"),
            "actor_location.country_code": "client.geo.country_iso_code", "_document_id": "event.id",
            **{name: f"github.{name}" for name in ("org", "repo", "team", "permission", "repository_public", "category", "hashed_token", "programmatic_access_type",
                                                   "integration", "repositories_added_names", "repositories_removed_names", "repository_selection")},
            "visibility": "github.visibility", "transport_protocol_name": "github.transport_protocol_name",
        },
        vendor=("github.",),
    )
)  # fmt: skip
fieldmaps.register("bitbucket")(
    table(
        {"audit": ("event.dataset=atlassian_bitbucket.audit", "event.dataset=bitbucket.audit"), "": ("event.module=atlassian_bitbucket", "event.module=bitbucket")},
        {
            **{f"auditType.{name}": f"bitbucket.audit.type.{name}" for name in ("category", "action", "area", "level", "categoryI18nKey", "actionI18nKey")},
            "author.name": "user.name", "author.id": "user.id", "source": ("source.address", "source.ip"), "method": "bitbucket.audit.method", "system": "service.address",
            "affectedObjects": "bitbucket.audit.affected_objects", "changedValues": "bitbucket.audit.changed_values", "extraAttributes": "bitbucket.audit.extra_attributes",
        },
        trees={"affectedObjects.": "bitbucket.audit.affected_objects.", "changedValues.": "bitbucket.audit.changed_values.", "extraAttributes.": "bitbucket.audit.extra_attributes."},
        vendor=("bitbucket.",),
    )
)  # fmt: skip
