"""Health without a key, metrics with one."""

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select

from hinomi import __version__
from hinomi.api.auth import Parts, Reads
from hinomi.audit import head
from hinomi.state import get_setting, t

router = APIRouter(tags=["health"])


@router.get("/api/v1/health")
def health(parts: Parts) -> dict[str, object]:
    """Say that the api answers and its state store is there; nothing that needs a key."""
    with parts.state.read() as conn:
        get_setting(conn, "killswitch")
    return {"status": "ok", "version": __version__}


@router.get("/metrics")
def metrics(parts: Parts, who: Reads) -> Response:
    """Prometheus metrics: counts of open things, and the length of the audit chain."""
    who.grant.demand("read", "")
    registry = CollectorRegistry()
    alerts = Gauge("hinomi_alerts", "Alerts by level and status", ["level", "status"], registry=registry)
    incidents = Gauge("hinomi_incidents", "Incidents by severity and status", ["severity", "status"], registry=registry)
    outbox = Gauge("hinomi_outbox", "Effects by kind and state", ["kind", "state"], registry=registry)
    runs = Gauge("hinomi_runs", "Playbook runs by state", ["state"], registry=registry)
    dropped = Gauge(
        "hinomi_correlation_dropped",
        "What correlations could not keep: groups evicted; entries trimmed, or too late",
        ["why"],
        registry=registry,
    )
    chain = Gauge("hinomi_audit_records", "Records in the audit chain", registry=registry)
    with parts.state.read() as conn:
        for gauge, columns in (
            (alerts, (t.alert.c.level, t.alert.c.status)),
            (incidents, (t.incident.c.severity, t.incident.c.status)),
            (outbox, (t.outbox.c.kind, t.outbox.c.state)),
            (runs, (t.run.c.state,)),
        ):
            for *labels, count in conn.execute(select(*columns, func.count()).group_by(*columns)):
                gauge.labels(*labels).set(count)
        for name, count in conn.execute(select(t.counter.c.name, t.counter.c.value)):
            if name.startswith("correlation."):
                dropped.labels(name.removeprefix("correlation.")).set(count)
        chain.set(head(conn).records)
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")
