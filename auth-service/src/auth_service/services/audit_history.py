"""Reads the audit trail."""

from uuid import UUID

from auth_service.models import AuditEvent
from auth_service.repositories.audit_events import AuditEventRepository
from auth_service.schemas.audit_events import AuditEventQuery
from service_chassis.pagination import CursorSigner, Page, cut_page


class AuditHistory:
    """What happened, for superusers."""

    def __init__(self, *, audit_events: AuditEventRepository, cursors: CursorSigner) -> None:
        self._audit_events = audit_events
        self._cursors = cursors

    async def list_page(self, query: AuditEventQuery) -> Page[AuditEvent]:
        """Return the events before the query's cursor, the newest first.

        Raises:
            InvalidCursorError: the cursor was not handed out for this list.
        """
        list_name = f"audit events of {query.user_id}"
        before = None
        if query.cursor is not None:
            [event_id] = self._cursors.verify(query.cursor, list_name=list_name)
            before = UUID(event_id)
        found = await self._audit_events.list_before(before, user_id=query.user_id, limit=query.limit + 1)
        return cut_page(
            found,
            limit=query.limit,
            cursor_after=lambda event: self._cursors.sign([str(event.id)], list_name=list_name),
        )
