"""The last good key set of auth-service."""

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from items_service.models.base import Base


class TrustedKeySet(Base):
    """One row: what a replica that starts while auth-service is away verifies tokens with."""

    __tablename__ = "trusted_keys"

    id: Mapped[int] = mapped_column(primary_key=True, server_default="1", autoincrement=False)
    document: Mapped[bytes] = mapped_column(LargeBinary)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (CheckConstraint("id = 1", name="only_one_row"),)
