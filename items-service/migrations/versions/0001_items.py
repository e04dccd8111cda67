"""items."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Expand: add what the new version needs without breaking the running one."""
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "key", name=op.f("idempotency_keys_pkey")),
    )
    op.create_index(op.f("idempotency_keys_created_at_index"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("items_pkey")),
    )
    op.create_index(op.f("items_owner_id_created_at_id_index"), "items", ["owner_id", "created_at", "id"], unique=False)
    # So that one index serves "of this owner" and "with these words" together; every owner of a database may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    op.create_index(
        "items_owner_id_search_index",
        "items",
        ["owner_id", sa.literal_column("to_tsvector('simple'::regconfig, (title || ' '::text) || description)")],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(op.f("items_owner_id_title_id_index"), "items", ["owner_id", "title", "id"], unique=False)
    op.create_index(op.f("items_owner_id_updated_at_id_index"), "items", ["owner_id", "updated_at", "id"], unique=False)
    op.create_table(
        "trusted_keys",
        sa.Column("id", sa.Integer(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("trusted_keys_only_one_row_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("trusted_keys_pkey")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("trusted_keys")
    op.drop_index(op.f("items_owner_id_updated_at_id_index"), table_name="items")
    op.drop_index(op.f("items_owner_id_title_id_index"), table_name="items")
    op.drop_index("items_owner_id_search_index", table_name="items", postgresql_using="gin")
    op.drop_index(op.f("items_owner_id_created_at_id_index"), table_name="items")
    op.drop_table("items")
    op.drop_index(op.f("idempotency_keys_created_at_index"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
