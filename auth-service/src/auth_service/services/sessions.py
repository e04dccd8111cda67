"""Sessions: how they begin, go on and end."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from auth_service.models import AuditEventType, OutboxEventType, Session, User
from auth_service.repositories.sessions import SessionRepository
from auth_service.schemas.devices import Device
from auth_service.services.audit import AuditTrail
from auth_service.services.events import EventPublisher


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

    async def use(self, session_id: UUID) -> User | None:
        """Remember when and from where a session was used; return whose it is, None when it has ended."""
        return await self._sessions.use(session_id, address=self._device.address, user_agent=self._device.user_agent)

    async def end(self, session_id: UUID) -> None:
        """End a session; ending it again changes nothing and tells nobody."""
        ended = await self._sessions.end(session_id)
        if ended is not None:
            await self._events.publish(OutboxEventType.SESSION_REVOKED, subject=ended.id, user_id=str(ended.user_id))
            await self._audit.record(AuditEventType.SESSION_ENDED, user_id=ended.user_id, session_id=str(ended.id))
