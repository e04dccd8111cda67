"""Accounts."""

from sqlalchemy import ColumnElement, Index, Text, literal_column, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from service_chassis.tables import Identified, Timestamped

# What may stand between two words of an address; to PostgreSQL the whole would be one word.
EMAIL_PUNCTUATION = "@.+-_"

SEARCHED_TEXT: ColumnElement[str] = literal_column(
    "to_tsvector('simple'::regconfig, (translate(email, '@.+-_'::text, '     '::text) || ' '::text) || full_name)",
    TSVECTOR,
)
"""What `q` searches, spelled as PostgreSQL keeps it: the index and every query have to be alike."""


class User(Identified, Timestamped, Base):
    """An account; `email` is stored in the one spelling that `schemas.users` gives every spelling of it."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(Text, unique=True)
    email_verified: Mapped[bool] = mapped_column(server_default="false")
    hashed_password: Mapped[str] = mapped_column(Text)
    # Rises with each new password, so that a login can tell that what it has verified is a password no more.
    password_version: Mapped[int] = mapped_column(server_default="0")
    full_name: Mapped[str] = mapped_column(Text, server_default="")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    is_superuser: Mapped[bool] = mapped_column(server_default="false")
    # Rises with each change of rights, so that tokens minted before the change can be told from later ones.
    rights_version: Mapped[int] = mapped_column(server_default="0")

    __table_args__ = (
        Index("users_search_index", SEARCHED_TEXT, postgresql_using="gin"),
        # There are few, and each change of an account that could be the last one looks at all of them.
        Index("users_superusers_index", "id", postgresql_where=text("is_superuser")),
    )
