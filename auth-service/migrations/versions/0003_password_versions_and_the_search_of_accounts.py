"""password versions and the search of accounts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SEARCHED_TEXT = (
    "to_tsvector('simple'::regconfig, (translate(email, '@.+-_'::text, '     '::text) || ' '::text) || full_name)"
)


def upgrade() -> None:
    """Expand: add what the new version needs without breaking the running one."""
    op.add_column("users", sa.Column("password_version", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "users_search_index", "users", [sa.literal_column(_SEARCHED_TEXT)], unique=False, postgresql_using="gin"
    )
    op.create_index("users_superusers_index", "users", ["id"], unique=False, postgresql_where=sa.text("is_superuser"))


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("users_superusers_index", table_name="users", postgresql_where=sa.text("is_superuser"))
    op.drop_index("users_search_index", table_name="users", postgresql_using="gin")
    op.drop_column("users", "password_version")
