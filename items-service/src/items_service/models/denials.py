"""What is denied although its token is not yet expired."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from items_service.models.base import Base

NO_RIGHTS_VERSION_IS_ENOUGH = 2**31 - 1
"""The least rights version of a deleted user: none of the user's tokens is good any more."""


class DenialKind(StrEnum):
    """What a denial is about."""

    SESSION = "session"
    USER = "user"
    KEY = "key"


class Denial(Base):
    """A session, a user's tokens below a rights version, or a signing key, until its last token has expired."""

    __tablename__ = "denials"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[UUID] = mapped_column(primary_key=True)
    minimum_rights_version: Mapped[int] = mapped_column(server_default="0")
    denied_until: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    # Which transaction changed the row last: by this every replica finds what it has not seen.
    transaction_id: Mapped[int] = mapped_column(
        BigInteger, server_default=text("((pg_current_xact_id())::text)::bigint")
    )

    __table_args__ = (Index(None, "transaction_id"),)
