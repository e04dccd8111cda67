"""Items."""

from uuid import UUID

from sqlalchemy import ColumnElement, Index, Text, literal_column
from sqlalchemy.dialects.postgresql import TSVECTOR
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

    # Every list is one owner's, in one of these orders; the id makes each of them total.
    __table_args__ = (
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "owner_id", "updated_at", "id"),
        Index(None, "owner_id", "title", "id"),
    )


SEARCHED_TEXT: ColumnElement[str] = literal_column(
    "to_tsvector('simple'::regconfig, (title || ' '::text) || description)", TSVECTOR
)
"""What `q` searches, spelled as PostgreSQL keeps it: the index and every query have to be alike."""

Index("items_owner_id_search_index", Item.owner_id, SEARCHED_TEXT, postgresql_using="gin")
