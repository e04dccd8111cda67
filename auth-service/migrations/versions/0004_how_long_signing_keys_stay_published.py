"""how long signing keys stay published."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Expand: add what the new version needs without breaking the running one."""
    op.add_column(
        "signing_keys",
        sa.Column(
            "published_until",
            sa.DateTime(timezone=True),
            server_default=sa.text("(now() + '25:00:00'::interval)"),
            nullable=False,
        ),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("signing_keys", "published_until")
