"""Statements about events for other services."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import OutboxEvent, OutboxEventType


class OutboxEventRepository:
    """Events, in the order in which their transactions began."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, event_type: OutboxEventType, *, subjects: Collection[str], data: dict[str, Any]) -> None:
        """Insert an event for each subject; they are told if the transaction commits."""
        rows = [{"type": event_type, "subject": subject, "data": data} for subject in subjects]
        await self._session.execute(insert(OutboxEvent), rows)
