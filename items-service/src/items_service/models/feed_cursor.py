"""How far auth-service's feed of events was followed, and who follows it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from items_service.models.base import Base


class FeedCursor(Base):
    """One row: the last event that was stored, and the lease of the one replica that follows the feed."""

    __tablename__ = "feed_cursor"

    id: Mapped[int] = mapped_column(primary_key=True, server_default="1", autoincrement=False)
    # None reads from the beginning of what auth-service keeps.
    cursor: Mapped[str | None] = mapped_column(Text)
    followed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    lease_holder: Mapped[UUID | None]
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (CheckConstraint("id = 1", name="only_one_row"),)
