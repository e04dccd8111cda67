"""Records what happens to the security of accounts: as rows, and as log lines with stable names."""

from uuid import UUID

import structlog

from auth_service.models import AuditEvent, AuditEventType
from auth_service.repositories.audit_events import AuditEventRepository
from auth_service.schemas.devices import Device

logger = structlog.stdlib.get_logger("audit")


class AuditTrail:
    """The events of one request, or of one command."""

    def __init__(self, *, audit_events: AuditEventRepository, device: Device) -> None:
        self._audit_events = audit_events
        self._device = device

    async def record(
        self,
        event_type: AuditEventType,
        *,
        user_id: UUID | None = None,
        actor_id: UUID | None = None,
        **details: str | int | bool,
    ) -> None:
        """Record an event with the transaction, and write its log line when that commits; `details` hold no secret."""
        audit_event = AuditEvent(
            type=event_type,
            user_id=user_id,
            actor_id=actor_id,
            address=self._device.address,
            user_agent=self._device.user_agent,
            details=details,
        )
        names = {"user_id": user_id, "actor_id": actor_id}
        ids = {name: str(value) for name, value in names.items() if value is not None}
        line = {"address": self._device.address, **ids, **details}
        await self._audit_events.add(audit_event, on_commit=lambda: logger.info(event_type.value, **line))
