"""What happens to sessions most often, in one statement that commits by itself."""

from datetime import datetime
from typing import Protocol, cast
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam, func, insert, select, update
from uuid_utils.compat import uuid7

from auth_service.models import RefreshToken, Session, User
from service_chassis.statement_pool import Statement, StatementPool

# A token is locked before its session, as everywhere. Who waited for a lock judges by what the rows say then, so of
# many who use a token at once one finds it unused, and a session that has ended meanwhile is none.
_USABLE = (
    select(
        RefreshToken.id.label("token_id"),
        RefreshToken.session_id,
        User.id,
        User.is_superuser,
        User.rights_version,
    )
    .join(Session, Session.id == RefreshToken.session_id)
    .join(User, User.id == Session.user_id)
    .where(RefreshToken.token_hash == bindparam("used_token_hash", type_=LargeBinary))
    .where(RefreshToken.used_at.is_(None), RefreshToken.expires_at > func.now())
    .where(Session.ended_at.is_(None), Session.expires_at > func.now(), User.is_active)
    .with_for_update(key_share=True, of=(RefreshToken, Session))
    .cte("usable")
)
_CLAIMED = (
    update(RefreshToken)
    .where(RefreshToken.id == _USABLE.c.token_id)
    .values(used_at=func.clock_timestamp(), sealed_successor=bindparam("sealed", type_=LargeBinary))
    .cte("claimed")
)
_USED = (
    update(Session)
    .where(Session.id == _USABLE.c.session_id)
    .values(
        last_used_at=func.now(),
        address=bindparam("used_from", type_=Text),
        user_agent=bindparam("used_by", type_=Text),
    )
    .cte("used")
)
_STORED = (
    insert(RefreshToken)
    .from_select(
        ["id", "session_id", "token_hash", "expires_at"],
        select(
            bindparam("successor_id", type_=Uuid),
            _USABLE.c.session_id,
            bindparam("successor_hash", type_=LargeBinary),
            bindparam("successor_expires_at", type_=DateTime(timezone=True)),
        ),
    )
    .cte("stored")
)
_EXCHANGE = Statement(
    select(_USABLE.c.session_id, _USABLE.c.id, _USABLE.c.is_superuser, _USABLE.c.rights_version).add_cte(
        _CLAIMED, _USED, _STORED
    )
)


class UsedSession(Protocol):
    """A session that was just used, and whose it is."""

    session_id: UUID
    id: UUID
    is_superuser: bool
    rights_version: int


class DirectSessionRepository:
    """Sessions with their tokens, without a transaction that others could join."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool

    async def exchange(
        self,
        token_hash: bytes,
        *,
        sealed_successor: bytes,
        successor_hash: bytes,
        expires_at: datetime,
        address: str,
        user_agent: str,
    ) -> UsedSession | None:
        """Use up a token of a live session and store its successor; None, with nothing changed, if it has no use."""
        rows = await self._pool.fetch(
            _EXCHANGE,
            used_token_hash=token_hash,
            sealed=sealed_successor,
            used_from=address,
            used_by=user_agent,
            successor_id=uuid7(),
            successor_hash=successor_hash,
            successor_expires_at=expires_at,
        )
        return cast("UsedSession", rows[0]) if rows else None
