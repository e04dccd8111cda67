"""Accounts."""

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from service_chassis.tables import Identified, Timestamped


class User(Identified, Timestamped, Base):
    """An account; `email` is stored in the one spelling that `schemas.users` gives every spelling of it."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(Text, unique=True)
    email_verified: Mapped[bool] = mapped_column(server_default="false")
    hashed_password: Mapped[str] = mapped_column(Text)
    full_name: Mapped[str] = mapped_column(Text, server_default="")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    is_superuser: Mapped[bool] = mapped_column(server_default="false")
    # Rises with each change of rights, so that tokens minted before the change can be told from later ones.
    rights_version: Mapped[int] = mapped_column(server_default="0")
