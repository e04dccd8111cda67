"""Statements about the audit trail."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import AuditEvent
from service_chassis.transactions import call_on_commit


class AuditEventRepository:
    """The audit trail, which only grows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_before(self, event_id: UUID | None, *, user_id: UUID | None, limit: int) -> Sequence[AuditEvent]:
        """Return events, the newest first, from before one on; with a user given, what happened to that account."""
        statement = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
        if event_id is not None:
            statement = statement.where(AuditEvent.id < event_id)
        if user_id is not None:
            statement = statement.where(AuditEvent.user_id == user_id)
        return (await self._session.scalars(statement)).all()

    async def add(self, *audit_events: AuditEvent, on_commit: Callable[[], None]) -> None:
        """Insert events, and call back once they are in the database for good."""
        self._session.add_all(audit_events)
        await self._session.flush()
        call_on_commit(self._session, on_commit)
