"""Statements about the audit trail."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import AuditEvent


class AuditEventRepository:
    """The audit trail, which only grows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *audit_events: AuditEvent, on_commit: Callable[[], None]) -> None:
        """Insert events, and call back once they are in the database for good."""
        self._session.add_all(audit_events)
        await self._session.flush()
        event.listen(self._session.sync_session, "after_commit", lambda _: on_commit(), once=True)
