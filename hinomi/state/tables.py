"""The tables of the state store. SQLAlchemy Core; one row = one fact that somebody may ask for.

Times are text as `hinomi.clock.iso` writes them, so they sort; ids are short random text unless said
otherwise; JSON columns hold plain data. Written by the responder and the api in short transactions.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy import UniqueConstraint as Unique

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: What counts without end. SQLite has one kind of integer, and its primary key must be called so.
Big = BigInteger().with_variant(Integer(), "sqlite")

#: Position of the responder in each hits log and lane: committed with what the hits made.
position = Table(
    "position", metadata,
    Column("name", String, primary_key=True), Column("seq", Big, nullable=False),
)  # fmt: skip

#: Small settings that people change while it runs: killswitch, noisy rules, secrets made at init.
setting = Table(
    "setting", metadata,
    Column("key", String, primary_key=True), Column("value", JSON, nullable=False), Column("changed_at", String),
)  # fmt: skip

#: Immutable versions of the directory; the body is msgpack of `hinomi.directory.Directory`.
directory_version = Table(
    "directory_version", metadata,
    Column("version", Integer, primary_key=True, autoincrement=True),
    Column("imported_at", String, nullable=False), Column("imported_by", String, nullable=False),
    Column("sha256", String, nullable=False), Column("body", LargeBinary, nullable=False),
)  # fmt: skip

api_key = Table(
    "api_key", metadata,
    Column("id", String, primary_key=True), Column("name", String, nullable=False),
    Column("hash", String, nullable=False, unique=True), Column("scopes", JSON, nullable=False),
    Column("tenant", String, nullable=False), Column("role", String, nullable=False, server_default=""),
    Column("person", String), Column("sources", JSON),
    Column("created_at", String, nullable=False), Column("expires_at", String),
    Column("revoked_at", String), Column("last_used_at", String),
)  # fmt: skip

#: The chain (DESIGN 5): canonical JSON as text, SHA-256 over the previous hash and the text.
audit = Table(
    "audit", metadata,
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("record", Text, nullable=False), Column("hash", String, nullable=False),
)  # fmt: skip

#: One per (rule, entity, tenant) and hour of event time, while it is open.
alert = Table(
    "alert", metadata,
    Column("id", String, primary_key=True), Column("number", Integer, nullable=False, unique=True),
    Column("tenant", String, nullable=False, index=True),
    Column("rule_id", String, nullable=False), Column("rule_hash", String, nullable=False),
    Column("title", String, nullable=False), Column("title_ja", String, nullable=False, server_default=""),
    Column("level", String, nullable=False), Column("category", String, nullable=False),
    Column("cause", String, nullable=False), Column("contain", String, nullable=False),
    Column("entity", String, nullable=False), Column("host", String, index=True), Column("user", String),
    Column("hour", String, nullable=False), Column("source", String, nullable=False),
    Column("vendor_id", String, index=True), Column("file_class", String),
    Column("count", Big, nullable=False), Column("first_seen", String, nullable=False),
    Column("last_seen", String, nullable=False), Column("received_at", String, nullable=False),
    Column("trusted", Boolean, nullable=False), Column("backfill", Boolean, nullable=False),
    Column("host_known", Boolean, nullable=False, server_default=false()),
    Column("created", String), Column("tags", JSON, nullable=False),
    Column("evidence", JSON, nullable=False), Column("event_ids", JSON, nullable=False),
    Column("status", String, nullable=False, server_default="new"),  # new | acknowledged | closed
    Column("assignee", String), Column("disposition", String),
    # disposition: true_positive | false_positive | authorised | test | duplicate
    Column("reason", String), Column("incident", String, index=True),
    Column("created_at", String, nullable=False), Column("updated_at", String, nullable=False),
    Column("closed_at", String),
    Index("alert_open", "tenant", "rule_id", "entity", "hour"),
)  # fmt: skip

#: Hits an hour per rule and tenant: flood ceiling, `rule stats`.
rule_count = Table(
    "rule_count", metadata,
    Column("rule_id", String, primary_key=True), Column("tenant", String, primary_key=True),
    Column("hour", String, primary_key=True), Column("hits", Big, nullable=False),
    Column("entities", Integer, nullable=False), Column("noisy", Boolean, nullable=False),
    Column("last_seen", String, nullable=False),
)  # fmt: skip

#: At most one open incident per (tenant, entity, category): the partial unique index says so.
incident = Table(
    "incident", metadata,
    Column("id", String, primary_key=True), Column("number", Integer, nullable=False, unique=True),
    Column("tenant", String, nullable=False, index=True), Column("entity", String, nullable=False),
    Column("host", String, index=True), Column("user", String), Column("category", String, nullable=False),
    Column("cause", String, nullable=False), Column("severity", String, nullable=False),
    Column("file_class", String), Column("title", String, nullable=False),
    Column("title_ja", String, nullable=False, server_default=""),
    Column("status", String, nullable=False, server_default="open"),  # open | closed | merged
    Column("assignee", String), Column("disposition", String), Column("merged_into", String),
    Column("facts", JSON, nullable=False),
    Column("opened_at", String, nullable=False), Column("detected_at", String, nullable=False),
    Column("last_alert_at", String, nullable=False), Column("acknowledged_at", String),
    Column("closed_at", String), Column("updated_at", String, nullable=False),
    Index(
        "incident_open", "tenant", "entity", "category", unique=True,
        sqlite_where=text("status='open'"), postgresql_where=text("status='open'"),
    ),
)  # fmt: skip

#: The incident's timeline: everything that happened, by whom; `data` holds what a report needs.
timeline = Table(
    "timeline", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", String, nullable=False, index=True), Column("at", String, nullable=False),
    Column("kind", String, nullable=False), Column("actor", String, nullable=False),
    Column("text", String, nullable=False), Column("data", JSON, nullable=False),
)  # fmt: skip

#: Which playbooks are active: the newest row per (id, tenant) counts.
playbook = Table(
    "playbook", metadata,
    Column("sha256", String, primary_key=True), Column("id", String, nullable=False, index=True),
    Column("version", String, nullable=False), Column("body", Text, nullable=False),
    Column("loaded_at", String, nullable=False),
)  # fmt: skip
activation = Table(
    "activation", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True), Column("playbook", String, nullable=False),
    Column("mode", String, nullable=False), Column("actor", String, nullable=False),
    Column("reason", String, nullable=False), Column("at", String, nullable=False),
)  # fmt: skip

run = Table(
    "run", metadata,
    Column("id", String, primary_key=True), Column("incident", String, nullable=False, index=True),
    Column("tenant", String, nullable=False), Column("playbook", String, nullable=False),
    Column("sha256", String, nullable=False), Column("mode", String, nullable=False),
    Column("state", String, nullable=False),  # running | paused | done | failed | cancelled
    Column("rev", Integer, nullable=False, server_default=text("0")),
    Column("started_at", String, nullable=False), Column("ended_at", String),
    Unique("incident", "playbook"),
)  # fmt: skip

#: One visit of a step. state: waiting | intent | sent | accepted | verified | done | failed | skipped |
#: unknown | manual | simulated | undone
step = Table(
    "step", metadata,
    Column("id", String, primary_key=True), Column("run", String, nullable=False, index=True),
    Column("name", String, nullable=False), Column("kind", String, nullable=False),  # do notify report decide approve
    Column("visit", Integer, nullable=False, server_default=text("1")), Column("flow", Integer),
    Column("state", String, nullable=False), Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("started_at", String), Column("due_at", String), Column("done_at", String),
    Column("by", String), Column("outcome", String),
    Column("action", String), Column("target", JSON), Column("tag", String), Column("vendor", String),
    Column("vendor_id", String), Column("sent_at", String), Column("verify_until", String),
    Column("observation", JSON), Column("error", String), Column("detail", JSON),
    Unique("run", "name", "visit"),
)  # fmt: skip

#: Everything that is waited for has a row and a deadline. kind: approval | decision | receipt | report | task
wait = Table(
    "wait", metadata,
    Column("id", String, primary_key=True), Column("run", String, index=True), Column("step", String, index=True),
    Column("incident", String, index=True), Column("tenant", String, nullable=False),
    Column("kind", String, nullable=False), Column("role", String, nullable=False),
    Column("flow", Integer), Column("options", JSON), Column("quorum", Integer, nullable=False, server_default=text("1")),
    Column("text", String, nullable=False, server_default=""),
    Column("opened_at", String, nullable=False), Column("due_at", String), Column("remind_at", JSON, nullable=False),
    Column("escalate", String), Column("on_timeout", String, nullable=False, server_default="escalate"),
    Column("state", String, nullable=False, server_default="open"),  # open | done | failed | written_off
    Column("outcome", String), Column("done_at", String), Column("by", String),
    Column("escalated_at", String), Column("next_at", String),  # next_at: when time asks something of it
    Index("wait_next", "next_at", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
)  # fmt: skip

#: Append-only: who decided, approved, denied what, by which channel, and why.
decision = Table(
    "decision", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True), Column("wait", String, nullable=False, index=True),
    Column("at", String, nullable=False), Column("actor", String, nullable=False), Column("role", String, nullable=False),
    Column("choice", String, nullable=False), Column("reason", String, nullable=False), Column("via", String, nullable=False),
)  # fmt: skip

#: A message to one person that asks for a receipt: the button on its page counts, once.
receipt = Table(
    "receipt", metadata,
    Column("id", String, primary_key=True), Column("wait", String, nullable=False, index=True),
    Column("person", String, nullable=False), Column("role", String, nullable=False),
    Column("sent_at", String), Column("opened_at", String), Column("received_at", String),
    Column("via", String), Column("noted_by", String),
)  # fmt: skip

#: A device is isolated while somebody holds it.
hold = Table(
    "hold", metadata,
    Column("id", String, primary_key=True), Column("device", String, nullable=False, index=True),
    Column("tenant", String, nullable=False), Column("incident", String, nullable=False),
    Column("owner", String, nullable=False), Column("since", String, nullable=False),
    Column("review_at", String, nullable=False), Column("released_at", String),
    Column("adopted", Boolean, nullable=False, server_default=false()),
    Index("hold_open", "device", "incident", unique=True,
          sqlite_where=text("released_at IS NULL"), postgresql_where=text("released_at IS NULL")),
)  # fmt: skip

#: What was last seen of a device at its vendor, and when.
device_state = Table(
    "device_state", metadata,
    Column("device", String, primary_key=True), Column("state", String, nullable=False),
    # isolated | released | pending_isolation | pending_release | unknown
    Column("observed_at", String, nullable=False), Column("vendor", String, nullable=False),
    Column("detail", String, nullable=False, server_default=""),
)  # fmt: skip

#: Effects to be carried out. kind: action | verify | message | report
outbox = Table(
    "outbox", metadata,
    Column("id", String, primary_key=True), Column("kind", String, nullable=False),
    Column("key", String, nullable=False, unique=True), Column("run", String, index=True), Column("step", String),
    Column("incident", String), Column("tenant", String, nullable=False, server_default=""),
    Column("body", JSON, nullable=False), Column("urgent", Boolean, nullable=False, server_default=false()),
    Column("due_at", String, nullable=False), Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("state", String, nullable=False, server_default="waiting"),  # waiting | leased | done | dead
    Column("lease_owner", String), Column("lease_until", String), Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("error", String), Column("created_at", String, nullable=False), Column("done_at", String),
    Index("outbox_due", "state", "due_at"),
)  # fmt: skip

report = Table(
    "report", metadata,
    Column("id", String, primary_key=True), Column("number", String, nullable=False, unique=True),
    Column("incident", String, nullable=False, index=True), Column("tenant", String, nullable=False),
    Column("run", String), Column("step", String), Column("kind", String, nullable=False),
    Column("rev", Integer, nullable=False, server_default=text("1")),
    Column("state", String, nullable=False),  # draft | submitted | sent
    Column("author_role", String, nullable=False), Column("author", String), Column("fields", JSON, nullable=False),
    Column("opened_at", String, nullable=False), Column("due_at", String),
    Column("submitted_at", String), Column("sent_at", String), Column("path", String), Column("sha256", String),
)  # fmt: skip

#: Groups of correlations: (correlation, tenant, group) → what it groups by; with the hits' position in one commit.
correlation = Table(
    "correlation", metadata,
    Column("rule_id", String, primary_key=True), Column("tenant", String, primary_key=True),
    Column("group", String, primary_key=True), Column("body", LargeBinary, nullable=False),
    Column("newest", String, nullable=False, index=True), Column("score", Float),  # score: how many entries it has
)  # fmt: skip

#: What is in their windows: one row a hit (times in microseconds), ``due`` where a condition waits.
correlation_entry = Table(
    "correlation_entry", metadata,
    Column("rule_id", String, primary_key=True), Column("tenant", String, primary_key=True),
    Column("group", String, primary_key=True), Column("event_id", String, primary_key=True),
    Column("slot", Integer, primary_key=True), Column("time", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False), Column("due", BigInteger, index=True), Column("token", LargeBinary),
)  # fmt: skip

#: A counter per kind of number people read aloud (alert, incident, report-2026).
counter = Table(
    "counter", metadata,
    Column("name", String, primary_key=True), Column("value", Big, nullable=False),
)  # fmt: skip
