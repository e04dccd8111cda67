"""pruning: up to where events were, and indexes to find what has expired."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Expand: add what the new version needs without breaking the running one."""
    op.create_table(
        "outbox_horizon",
        sa.Column("id", sa.Integer(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("outbox_horizon_only_one_row_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_horizon_pkey")),
    )
    op.create_index(op.f("one_time_tokens_expires_at_index"), "one_time_tokens", ["expires_at"], unique=False)
    op.create_index(op.f("refresh_tokens_expires_at_index"), "refresh_tokens", ["expires_at"], unique=False)
    op.create_index(op.f("sessions_ended_at_index"), "sessions", ["ended_at"], unique=False)
    op.create_index(op.f("sessions_expires_at_index"), "sessions", ["expires_at"], unique=False)


def downgrade() -> None:
    """Take the change back."""
    op.drop_index(op.f("sessions_expires_at_index"), table_name="sessions")
    op.drop_index(op.f("sessions_ended_at_index"), table_name="sessions")
    op.drop_index(op.f("refresh_tokens_expires_at_index"), table_name="refresh_tokens")
    op.drop_index(op.f("one_time_tokens_expires_at_index"), table_name="one_time_tokens")
    op.drop_table("outbox_horizon")
