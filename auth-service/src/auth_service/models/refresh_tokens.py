"""Refresh tokens: each can be used once, and leaves a trace of its use."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from service_chassis.tables import Identified


class RefreshToken(Identified, Base):
    """A link in the chain of a session; of the token itself only a hash is kept."""

    __tablename__ = "refresh_tokens"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Readable with the used token only: a client whose answer was lost asks again and gets the same successor.
    sealed_successor: Mapped[bytes | None] = mapped_column(LargeBinary)
