"""Statements about events for other services."""

from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import OutboxEvent, OutboxEventType


class OutboxEventRepository:
    """Events, in the order in which their transactions began."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, event_type: OutboxEventType, *, subject: str, data: dict[str, Any]) -> None:
        """Insert an event; it is told if the transaction commits."""
        await self._session.execute(insert(OutboxEvent).values(type=event_type, subject=subject, data=data))
