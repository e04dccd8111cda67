"""Statements about the audit trail."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import AuditEvent


class AuditEventRepository:
    """The audit trail, which only grows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, audit_event: AuditEvent, *, on_commit: Callable[[], None]) -> None:
        """Insert an event, and call back once it is in the database for good."""
        self._session.add(audit_event)
        await self._session.flush()
        event.listen(self._session.sync_session, "after_commit", lambda _: on_commit(), once=True)
