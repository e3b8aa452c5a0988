"""Kubernetes' audit log, as Elastic's ``kubernetes`` integration names it: ``kubernetes.audit.`` and the record's own path.

Record: kubernetes.io/docs/reference/config-api/apiserver-audit.v1 (Event).
"""

from hinomi.detections.fieldmap import Targets, fieldmaps, table
from hinomi.detections.fieldmap.readers import Tree

AUDIT = "kubernetes.audit"
_OWN = (
    "apiVersion kind level auditID stage requestURI verb objectRef.resource objectRef.namespace objectRef.name objectRef.uid objectRef.apiGroup objectRef.apiVersion"
    " objectRef.resourceVersion objectRef.subresource responseStatus.code responseStatus.status responseStatus.message responseStatus.reason"
    " user.username user.uid user.groups impersonatedUser.username impersonatedUser.uid impersonatedUser.groups sourceIPs userAgent"
)
FIELDS: dict[str, Targets] = {
    **{name: f"{AUDIT}.{name}" for name in _OWN.split()}, "userAgent": (f"{AUDIT}.userAgent", "user_agent.original"), "apiGroup": f"{AUDIT}.objectRef.apiGroup",
    "sourceIPs": (f"{AUDIT}.sourceIPs", "source.ip"), "resource": f"{AUDIT}.objectRef.resource", "namespace": f"{AUDIT}.objectRef.namespace", "username": f"{AUDIT}.user.username",
    "hostPath": f"{AUDIT}.requestObject.spec.volumes.hostPath.path", "capabilities": "sigma.kubernetes.capabilities",
    "privileged": f"{AUDIT}.requestObject.spec.containers.securityContext.privileged", "image": f"{AUDIT}.requestObject.spec.containers.image",
}  # fmt: skip

fieldmaps.register("kubernetes")(
    table(
        {
            "audit": ("event.dataset=kubernetes.audit_logs", "event.dataset=kubernetes.audit"),
            "": ("event.module=kubernetes",),
        },
        FIELDS,
        trees={
            f"{name}.": f"{AUDIT}.{name}." for name in ("requestObject", "responseObject", "annotations", "user.extra")
        },
        vendor=("kubernetes.",),
        virtual={
            "sigma.kubernetes.capabilities": Tree(f"{AUDIT}.requestObject.spec.containers.securityContext.capabilities")
        },
    )
)
