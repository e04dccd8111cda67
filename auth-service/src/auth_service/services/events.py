"""Tells other services what they have to know, in the transaction that makes it true."""

from functools import partial
from uuid import UUID

from auth_service.metrics import OUTBOX_EVENTS
from auth_service.models import OutboxEventType
from auth_service.repositories.outbox_events import OutboxEventRepository


class EventPublisher:
    """Writes the outbox that other services follow."""

    def __init__(self, outbox_events: OutboxEventRepository) -> None:
        self._outbox_events = outbox_events

    async def publish(self, event_type: OutboxEventType, *subjects: UUID, **data: str | int) -> None:
        """Tell of an event, one for each subject, should the transaction commit."""
        await self._outbox_events.add(
            event_type,
            subjects=[str(subject) for subject in subjects],
            data=data,
            on_commit=partial(OUTBOX_EVENTS.labels(event_type.value).inc, len(subjects)),
        )
