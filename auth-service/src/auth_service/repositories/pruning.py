"""Statements that delete what nobody needs any more, some at a time."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import AuditEvent, OneTimeToken, RefreshToken, Session

# Each takes its refresh tokens along, which may be thousands.
SESSIONS_AT_ONCE = 50
# For as long, a reused refresh token still tells that it was stolen, and a list of sessions what has ended.
RETENTION = timedelta(days=7)

Prunable = type[AuditEvent] | type[OneTimeToken] | type[RefreshToken] | type[Session]


@dataclass(frozen=True, slots=True)
class Outdated:
    """Rows of a table that may be deleted."""

    table: Prunable
    condition: ColumnElement[bool]
    at_once: int = 1_000


def outdated(*, audit_retention: timedelta) -> dict[str, Outdated]:
    """Name what may be deleted, in the order in which to do so."""
    long_ago = func.now() - RETENTION
    return {
        "one-time tokens": Outdated(OneTimeToken, OneTimeToken.expires_at < func.now()),
        "refresh tokens": Outdated(RefreshToken, RefreshToken.expires_at < long_ago),
        "sessions": Outdated(
            Session, or_(Session.expires_at < long_ago, Session.ended_at < long_ago), at_once=SESSIONS_AT_ONCE
        ),
        "audit events": Outdated(AuditEvent, AuditEvent.occurred_at < func.now() - audit_retention),
    }


class PruningRepository:
    """Rows of any table that are outdated."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count(self, rows: Outdated) -> int:
        """Count what may be deleted."""
        return await self._session.scalar(select(func.count()).select_from(rows.table).where(rows.condition)) or 0

    async def delete_some(self, rows: Outdated) -> int:
        """Delete some of it; return how many."""
        some = select(rows.table.id).where(rows.condition).limit(rows.at_once).with_for_update(skip_locked=True)
        deleted = await self._session.scalars(
            delete(rows.table).where(rows.table.id.in_(some)).returning(rows.table.id)
        )
        return len(deleted.all())
