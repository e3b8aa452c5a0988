"""A row for each entry of a correlation's window; windows of before begin anew."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the tables forward."""
    op.execute(sa.text("DELETE FROM correlation"))
    op.create_table(
        "correlation_entry",
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("rule_id", "tenant", "group", "event_id", "slot", name=op.f("pk_correlation_entry")),
    )
    op.create_index(op.f("ix_correlation_entry_due"), "correlation_entry", ["due"])


def downgrade() -> None:
    """Bring the tables back."""
    op.drop_index(op.f("ix_correlation_entry_due"), table_name="correlation_entry")
    op.drop_table("correlation_entry")
