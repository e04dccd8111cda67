"""One-time tokens: what a mail carries to prove that its reader owns the address."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from service_chassis.tables import Identified


class OneTimeTokenPurpose(StrEnum):
    """What a token is good for."""

    PASSWORD_RESET = "password_reset"  # noqa: S105  # the name of a purpose
    EMAIL_VERIFICATION = "email_verification"
    """Of the account's own address, or of one that is to become it."""


class OneTimeToken(Identified, Base):
    """A token for one purpose and one address; of the token itself only a hash is kept, and using it deletes it."""

    __tablename__ = "one_time_tokens"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(Text)
    # A token proves the address that it was sent to, which may not be the account's any more.
    email: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
