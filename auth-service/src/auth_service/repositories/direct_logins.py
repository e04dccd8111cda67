"""What a login reads before its password is hashed and writes after it: one statement each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, cast
from uuid import UUID

from sqlalchemy import DateTime, Integer, LargeBinary, Text, Uuid, bindparam, func, insert, literal, select, update
from uuid_utils.compat import uuid7

from auth_service.models import AuditEvent, AuditEventType, RefreshToken, Session, User
from service_chassis.statement_pool import Statement, StatementPool

_FIND = Statement(
    select(
        User.id,
        User.email_verified,
        User.hashed_password,
        User.is_active,
        User.is_superuser,
        User.password_version,
        User.rights_version,
    ).where(User.email == bindparam("address_of_user"))
)
_LATELY = timedelta(days=90)
_ADDRESSES = 50
_ADDRESSES_OF = Statement(
    select(Session.address)
    .join(User, User.id == Session.user_id)
    .where(User.email == bindparam("address_of_user"), Session.last_used_at > func.now() - _LATELY)
    .order_by(Session.last_used_at.desc())
    .limit(_ADDRESSES)
)

# Who waited for the lock judges by what the row says then, and the account stays as it is until all of this commits.
_UNCHANGED = (
    select(User.id)
    .where(
        User.id == bindparam("known_id", type_=Uuid),
        User.is_active,
        User.rights_version == bindparam("known_rights_version", type_=Integer),
        User.password_version == bindparam("known_password_version", type_=Integer),
    )
    .with_for_update(key_share=True)
    .cte("unchanged")
)
_UPGRADED = (
    update(User)
    .where(User.id == _UNCHANGED.c.id, bindparam("upgraded_hash", type_=Text).is_not(None))
    .values(hashed_password=bindparam("upgraded_hash", type_=Text))
    .cte("upgraded")
)
_BEGUN = (
    insert(Session)
    .from_select(
        ["id", "user_id", "address", "user_agent", "expires_at"],
        select(
            bindparam("session_id", type_=Uuid),
            _UNCHANGED.c.id,
            bindparam("address", type_=Text),
            bindparam("user_agent", type_=Text),
            bindparam("session_expires_at", type_=DateTime(timezone=True)),
        ),
    )
    .cte("begun")
)
_STORED = (
    insert(RefreshToken)
    .from_select(
        ["id", "session_id", "token_hash", "expires_at"],
        select(
            bindparam("token_id", type_=Uuid),
            bindparam("session_id", type_=Uuid),
            bindparam("token_hash", type_=LargeBinary),
            bindparam("token_expires_at", type_=DateTime(timezone=True)),
        ).select_from(_UNCHANGED),
    )
    .cte("stored")
)
_RECORDED = (
    insert(AuditEvent)
    .from_select(
        ["id", "type", "user_id", "address", "user_agent"],
        select(
            bindparam("audit_event_id", type_=Uuid),
            literal(AuditEventType.LOGIN_SUCCEEDED.value, Text),
            _UNCHANGED.c.id,
            bindparam("address", type_=Text),
            bindparam("user_agent", type_=Text),
        ),
    )
    .cte("recorded")
)
_BEGIN_SESSION = Statement(select(_UNCHANGED.c.id).add_cte(_UPGRADED, _BEGUN, _STORED, _RECORDED))


class LoginUser(Protocol):
    """What a login has to know of an account."""

    id: UUID
    email_verified: bool
    hashed_password: str
    is_active: bool
    is_superuser: bool
    password_version: int
    rights_version: int


class DirectLoginRepository:
    """Accounts and their new sessions, without a transaction that others could join."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool

    async def find_user(self, email: str) -> LoginUser | None:
        """Find an account by its address in the stored spelling."""
        rows = await self._pool.fetch(_FIND, address_of_user=email)
        return cast("LoginUser", rows[0]) if rows else None

    async def addresses_of(self, email: str) -> Sequence[str]:
        """Return from where the account with this address was used lately."""
        rows = await self._pool.fetch(_ADDRESSES_OF, address_of_user=email)
        return [row.address for row in rows]

    async def begin_session(
        self,
        user: LoginUser,
        *,
        upgraded_hash: str | None,
        address: str,
        user_agent: str,
        expires_at: datetime,
        token_hash: bytes,
        token_expires_at: datetime,
    ) -> UUID | None:
        """Begin a session with its first token, on record, and store a hash of the same password made anew if given.

        None, with nothing changed, when the account is inactive or has other rights or another password than when read.
        """
        session_id = uuid7()
        rows = await self._pool.fetch(
            _BEGIN_SESSION,
            known_id=user.id,
            known_rights_version=user.rights_version,
            known_password_version=user.password_version,
            upgraded_hash=upgraded_hash,
            session_id=session_id,
            address=address,
            user_agent=user_agent,
            session_expires_at=expires_at,
            token_id=uuid7(),
            token_hash=token_hash,
            token_expires_at=token_expires_at,
            audit_event_id=uuid7(),
        )
        return session_id if rows else None
