"""the count of live sessions: an index that has nothing but them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Expand: add what the new version needs without breaking the running one."""
    op.create_index(
        "sessions_live_index", "sessions", ["expires_at"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("sessions_live_index", table_name="sessions", postgresql_where=sa.text("ended_at IS NULL"))
