"""Users who were deleted: nothing new may belong to them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from items_service.models.base import Base


class DeletedOwner(Base):
    """A tombstone; it stays when the items are gone, so that no late request brings one back."""

    __tablename__ = "deleted_owners"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    deleted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    items_deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


Index(
    "deleted_owners_unfinished_index",
    DeletedOwner.owner_id,
    postgresql_where=DeletedOwner.items_deleted_at.is_(None),
)
