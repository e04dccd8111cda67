"""may_own_items."""

from collections.abc import Sequence

from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Expand: add what the new version needs without breaking the running one."""
    # Each statement of a volatile function sees what was committed until it began, so the tombstone is looked for
    # after the lock was waited for, although both happen inside of one statement of the service.
    op.execute("""
        CREATE FUNCTION may_own_items(owner uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(hashtextextended('owner ' || owner, 0));
            RETURN NOT EXISTS (SELECT FROM deleted_owners WHERE owner_id = owner);
        END
        $$
    """)


def downgrade() -> None:
    """Take the change back."""
    op.execute("DROP FUNCTION may_own_items(uuid)")
