"""A wait says when time asks something of it, so that those that only wait are not looked at."""

import json
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the tables forward."""
    op.add_column("wait", sa.Column("next_at", sa.String(), nullable=True))
    still_open = sa.text("state = 'open'")
    op.create_index("wait_next", "wait", ["next_at"], sqlite_where=still_open, postgresql_where=still_open)
    op.create_index(op.f("ix_outbox_run"), "outbox", ["run"])
    conn = op.get_bind()
    asked = sa.text("SELECT id, remind_at, due_at, escalated_at FROM wait WHERE state = 'open'")
    for key, remind_at, due_at, escalated_at in conn.execute(asked).all():
        moments = remind_at if isinstance(remind_at, list) else json.loads(remind_at or "[]")
        following = min([*moments, *([due_at] if due_at and not escalated_at else [])], default=None)
        conn.execute(sa.text("UPDATE wait SET next_at = :next WHERE id = :key"), {"next": following, "key": key})


def downgrade() -> None:
    """Bring the tables back."""
    op.drop_index(op.f("ix_outbox_run"), table_name="outbox")
    op.drop_index("wait_next", table_name="wait")
    op.drop_column("wait", "next_at")
