"""Records what happens to the security of accounts: as rows, and as log lines with stable names."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from auth_service.metrics import LOGINS, REFRESH_TOKEN_REUSE, SESSIONS_ENDED
from auth_service.models import AuditEvent, AuditEventType
from auth_service.schemas.devices import Device
from service_chassis.logs import write_often

_LOGGER = logging.getLogger("audit")


class AuditEvents(Protocol):
    """Where events are kept."""

    async def add(self, *audit_events: AuditEvent, on_commit: Callable[[], None]) -> None:
        """Insert events, and call back once they are there for good."""


class AuditTrail:
    """The events of one request, or of one command."""

    def __init__(self, *, audit_events: AuditEvents, device: Device) -> None:
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
        await self.record_all(event_type, [details], user_id=user_id, actor_id=actor_id)

    async def record_all(
        self,
        event_type: AuditEventType,
        details_of_each: Sequence[dict[str, Any]],
        *,
        user_id: UUID | None,
        actor_id: UUID | None,
    ) -> None:
        """Record several events of one type that happened to one account at once, like `record` does."""
        audit_events = [
            AuditEvent(
                type=event_type.value,
                user_id=user_id,
                actor_id=actor_id,
                address=self._device.address,
                user_agent=self._device.user_agent,
                details=details,
            )
            for details in details_of_each
        ]

        def tell_all() -> None:
            for details in details_of_each:
                self.tell(event_type, user_id=user_id, actor_id=actor_id, **details)

        await self._audit_events.add(*audit_events, on_commit=tell_all)

    def tell(
        self,
        event_type: AuditEventType,
        *,
        user_id: UUID | None = None,
        actor_id: UUID | None = None,
        **details: str | int | bool,
    ) -> None:
        """Count an event that is on record for good, and write its log line."""
        _count(event_type, details)
        names = {"user_id": user_id, "actor_id": actor_id}
        ids = {name: str(value) for name, value in names.items() if value is not None}
        write_often(event_type.value, logger=_LOGGER, fields={"address": self._device.address, **ids, **details})


def _count(event_type: AuditEventType, details: Mapping[str, Any]) -> None:
    match event_type:
        case AuditEventType.LOGIN_SUCCEEDED:
            LOGINS.labels("succeeded").inc()
        case AuditEventType.LOGIN_FAILED:
            LOGINS.labels(details["reason"]).inc()
        case AuditEventType.REFRESH_REUSED:
            REFRESH_TOKEN_REUSE.inc()
        case AuditEventType.SESSION_ENDED:
            SESSIONS_ENDED.labels(details["reason"]).inc()
