"""The keys that access tokens are signed with."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from service_chassis.tables import Identified


class SigningKey(Identified, Base):
    """A key pair; its id is the `kid`, the private half is sealed with a key derived from SECRET_KEY.

    Of the keys whose `signs_from` has come, the newest signs; the others stay published for a token's life after.
    """

    __tablename__ = "signing_keys"

    algorithm: Mapped[str] = mapped_column(Text)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed_private_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # A key is published before it signs: for longer than any verifier keeps an older key set.
    signs_from: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
