"""denials, the feed's cursor, and deleted owners."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Expand: add what the new version needs without breaking the running one."""
    op.create_table(
        "deleted_owners",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("items_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("deleted_owners_pkey")),
    )
    op.create_index(
        "deleted_owners_unfinished_index",
        "deleted_owners",
        ["owner_id"],
        unique=False,
        postgresql_where=sa.text("items_deleted_at IS NULL"),
    )
    op.create_table(
        "denials",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("minimum_rights_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("denied_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("denials_pkey")),
    )
    op.create_index(op.f("denials_denied_until_index"), "denials", ["denied_until"], unique=False)
    op.create_index(op.f("denials_transaction_id_index"), "denials", ["transaction_id"], unique=False)
    op.create_table(
        "feed_cursor",
        sa.Column("id", sa.Integer(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_holder", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("feed_cursor_only_one_row_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("feed_cursor_pkey")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("feed_cursor")
    op.drop_table("denials")
    op.drop_table("deleted_owners")
