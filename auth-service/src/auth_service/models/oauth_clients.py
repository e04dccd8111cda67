"""Machine clients, which log in as themselves (RFC 6749, client_credentials)."""

from datetime import datetime

from sqlalchemy import DateTime, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from service_chassis.tables import Identified


class OAuthClient(Identified, Base):
    """A program with a name and a secret; of the secret only a hash is kept."""

    __tablename__ = "oauth_clients"

    name: Mapped[str] = mapped_column(Text, unique=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
