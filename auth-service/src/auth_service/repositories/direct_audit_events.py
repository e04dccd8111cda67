"""Additions to the audit trail that commit by themselves."""

import json
from collections.abc import Callable

from sqlalchemy import bindparam, insert
from sqlalchemy.dialects.postgresql import JSONB
from uuid_utils.compat import uuid7

from auth_service.models import AuditEvent
from service_chassis.statement_pool import Statement, StatementPool

_ADD = Statement(
    insert(AuditEvent)
    .values(
        {name: bindparam(name) for name in ("id", "type", "user_id", "actor_id", "address", "user_agent")}
        | {"details": bindparam("details", type_=JSONB)}
    )
    .returning(AuditEvent.id)
)


class DirectAuditEventRepository:
    """The audit trail of what is refused, which stays on record whatever becomes of the rest."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool

    async def add(self, *audit_events: AuditEvent, on_commit: Callable[[], None]) -> None:
        """Insert events one by one, and call back."""
        for audit_event in audit_events:
            await self._pool.fetch(
                _ADD,
                id=uuid7(),
                type=audit_event.type,
                user_id=audit_event.user_id,
                actor_id=audit_event.actor_id,
                address=audit_event.address,
                user_agent=audit_event.user_agent,
                details=json.dumps(audit_event.details),
            )
        on_commit()
