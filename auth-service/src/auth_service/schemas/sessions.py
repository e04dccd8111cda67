"""What clients get of sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from auth_service import models


class Session(BaseModel):
    """One login on one device, as its owner sees it."""

    id: UUID
    user_agent: str = Field(description="The program that used it last.", examples=["Mozilla/5.0 (X11; Linux x86_64)"])
    address: str = Field(description="Where it was used last.", examples=["192.0.2.7"])
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool = Field(description="Whether this request belongs to it.")

    @classmethod
    def seen_from(cls, current_id: UUID, session: models.Session) -> Self:
        """Show a session to the client of one, which may be another."""
        return cls(
            id=session.id,
            user_agent=session.user_agent,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            current=session.id == current_id,
        )


class SessionList(BaseModel):
    """One's live sessions, the last used first."""

    items: list[Session]

    @classmethod
    def seen_from(cls, current_id: UUID, sessions: Sequence[models.Session]) -> Self:
        """Show sessions to the client of one of them."""
        return cls(items=[Session.seen_from(current_id, session) for session in sessions])


class SessionsToEnd(BaseModel, extra="forbid"):
    """Which of one's sessions to end; a misspelt parameter must not end the one that was to be kept."""

    keep_current: bool = Field(default=False, description="Whether the session of this request goes on.")
