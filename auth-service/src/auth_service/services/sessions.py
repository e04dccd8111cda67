"""Sessions: how they begin, go on and end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from auth_service.errors import SessionNotFoundError
from auth_service.models import AuditEventType, OutboxEventType, Session, User
from auth_service.repositories.sessions import SessionRepository
from auth_service.schemas.devices import Device
from auth_service.services.audit import AuditTrail
from auth_service.services.events import EventPublisher

# Nobody looks through more; whoever has more, a script that logs in each time, can end all of them at once.
MAXIMUM_LISTED_SESSIONS = 100


class SessionEnd(StrEnum):
    """Why sessions end before their time."""

    LOGGED_OUT = "logged_out"
    REVOKED = "revoked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # the name of a reason
    DEACTIVATED = "deactivated"
    REFRESH_REUSED = "refresh_reused"


class SessionService:
    """Sessions; each end is told to the other services."""

    def __init__(
        self,
        *,
        sessions: SessionRepository,
        events: EventPublisher,
        audit: AuditTrail,
        device: Device,
        lifetime: timedelta,
    ) -> None:
        self._sessions = sessions
        self._events = events
        self._audit = audit
        self._device = device
        self._lifetime = lifetime

    async def begin(self, user_id: UUID) -> Session:
        """Begin a session on the device that the request comes from."""
        return await self._sessions.add(
            user_id=user_id,
            address=self._device.address,
            user_agent=self._device.user_agent,
            expires_at=datetime.now(UTC) + self._lifetime,
        )

    async def list_live(self, user_id: UUID) -> Sequence[Session]:
        """Return somebody's sessions that have not ended, the last used first."""
        return await self._sessions.list_live(user_id, limit=MAXIMUM_LISTED_SESSIONS)

    async def use(self, session_id: UUID) -> User | None:
        """Remember when and from where a session was used; return whose it is, None when it has ended."""
        return await self._sessions.use(session_id, address=self._device.address, user_agent=self._device.user_agent)

    async def end(self, session_id: UUID, reason: SessionEnd) -> None:
        """End a session; ending it again changes nothing and tells nobody."""
        ended = await self._sessions.end(session_id)
        if ended is not None:
            await self._tell_of_ends([ended], reason, user_id=ended.user_id)

    async def end_own(self, session_id: UUID, *, user_id: UUID) -> None:
        """End one of somebody's sessions.

        Raises:
            SessionNotFoundError: it has ended before, is somebody else's, or there never was one.
        """
        ended = await self._sessions.end(session_id, user_id=user_id)
        if ended is None:
            raise SessionNotFoundError
        await self._tell_of_ends([ended], SessionEnd.REVOKED, user_id=user_id)

    async def end_all(
        self,
        user_id: UUID,
        reason: SessionEnd = SessionEnd.REVOKED,
        *,
        kept_id: UUID | None = None,
        actor_id: UUID | None = None,
    ) -> None:
        """End somebody's sessions, but for one to be kept."""
        ended = await self._sessions.end_all(user_id, kept_id=kept_id)
        if ended:
            await self._tell_of_ends(ended, reason, user_id=user_id, actor_id=actor_id)

    async def _tell_of_ends(
        self, ended: Sequence[Session], reason: SessionEnd, *, user_id: UUID, actor_id: UUID | None = None
    ) -> None:
        session_ids = [session.id for session in ended]
        await self._events.publish(OutboxEventType.SESSION_REVOKED, *session_ids, user_id=str(user_id))
        details = [{"session_id": str(session_id), "reason": reason.value} for session_id in session_ids]
        await self._audit.record_all(AuditEventType.SESSION_ENDED, details, user_id=user_id, actor_id=actor_id)
