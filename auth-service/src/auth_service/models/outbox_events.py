"""The outbox: what other services have to hear of, written in the transaction that makes it true."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base


class OutboxEventType(StrEnum):
    """What other services hear of; the names are part of the contract between the services."""

    SESSION_REVOKED = "session.revoked"
    """`subject` is the session's id; data: `user_id`."""
    USER_DEACTIVATED = "user.deactivated"
    """`subject` is the user's id; data: `rights_version`, the lowest that tokens are still good with."""
    USER_RIGHTS_CHANGED = "user.rights_changed"
    """The same shape as `user.deactivated`."""
    USER_DELETED = "user.deleted"
    """`subject` is the user's id; no data."""
    SIGNING_KEY_DROPPED = "signing_key.dropped"
    """`subject` is the key's id; no data."""


class OutboxEvent(Base):
    """One event.

    Numbers are given out before transactions commit, so a lower one can appear after a higher one was read:
    readers go by the transaction first, and stop below the oldest that is still running.
    """

    __tablename__ = "outbox_events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction_id: Mapped[int] = mapped_column(
        BigInteger, server_default=text("((pg_current_xact_id())::text)::bigint")
    )
    type: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (Index(None, "transaction_id", "id"),)


class OutboxHorizon(Base):
    """One row: where the last event stood that was pruned; whoever has read less than that has missed something."""

    __tablename__ = "outbox_horizon"

    id: Mapped[int] = mapped_column(primary_key=True, server_default="1", autoincrement=False)
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (CheckConstraint("id = 1", name="only_one_row"),)
