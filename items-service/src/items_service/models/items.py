"""Items."""

from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from items_service.models.base import Base
from service_chassis.tables import Identified, Timestamped


class Item(Identified, Timestamped, Base):
    """Something that belongs to one user of auth-service; `version` rises with each change."""

    __tablename__ = "items"

    owner_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int] = mapped_column(server_default="1")

    # Every list is one owner's, in the order of creation; the id makes the order total.
    __table_args__ = (Index(None, "owner_id", "created_at", "id"),)
