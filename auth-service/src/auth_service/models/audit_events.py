"""The audit trail: who did what to the security of an account, and from where."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base
from service_chassis.tables import Identified


class AuditEventType(StrEnum):
    """What happened; the names are stable, since alerts and searches are built on them."""

    USER_REGISTERED = "user.registered"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DEACTIVATED = "user.deactivated"
    USER_ROLE_CHANGED = "user.role_changed"
    USER_DELETED = "user.deleted"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105  # the name of an event
    PASSWORD_CHANGE_FAILED = "password.change_failed"  # noqa: S105  # the name of an event
    ATTEMPTS_REFUSED = "attempts.refused"
    PASSWORD_RESET_REQUESTED = "password.reset_requested"  # noqa: S105  # the name of an event
    PASSWORD_RESET = "password.reset"  # noqa: S105  # the name of an event
    EMAIL_VERIFICATION_REQUESTED = "email.verification_requested"
    EMAIL_VERIFIED = "email.verified"
    EMAIL_CHANGE_REQUESTED = "email.change_requested"
    EMAIL_CHANGED = "email.changed"
    SESSION_ENDED = "session.ended"
    REFRESH_REUSED = "refresh.reused"
    CLIENT_CREATED = "client.created"
    CLIENT_REVOKED = "client.revoked"
    CLIENT_REFUSED = "client.refused"
    SIGNING_KEY_CREATED = "signing_key.created"
    SIGNING_KEY_DROPPED = "signing_key.dropped"


class AuditEvent(Identified, Base):
    """One event; a trigger refuses to change it, and it outlives the account that it tells of."""

    __tablename__ = "audit_events"

    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
    type: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID | None] = mapped_column()
    # Who did it, where that is somebody else than the account's owner.
    actor_id: Mapped[UUID | None] = mapped_column()
    address: Mapped[str] = mapped_column(Text, server_default="")
    user_agent: Mapped[str] = mapped_column(Text, server_default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

    __table_args__ = (Index(None, "user_id", "id"),)
