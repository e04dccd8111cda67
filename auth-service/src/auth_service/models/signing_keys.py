"""The keys that access tokens are signed with."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from service_chassis.tables import Identified


class KeyState(StrEnum):
    """What a key is for at the moment; it follows from the key's times and its successor's."""

    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRING = "retiring"
    GONE = "gone"


class SigningKey(Identified, Base):
    """A key pair; its id is the `kid`, the private half is sealed with a key derived from SECRET_KEY.

    Of the keys whose `signs_from` has come, the newest signs; the others stay published until `published_until`.
    """

    __tablename__ = "signing_keys"

    algorithm: Mapped[str] = mapped_column(Text)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed_private_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # A key is published before it signs: for longer than any verifier keeps an older key set.
    signs_from: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # Whoever signs moves this on first, past the end of the tokens to come. The default covers what a version signs
    # that doesn't: a token lives for 24 hours at most.
    published_until: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("(now() + '25:00:00'::interval)")
    )
