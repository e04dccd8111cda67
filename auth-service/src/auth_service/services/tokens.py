"""Issues token pairs, exchanges refresh tokens, and ends sessions."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from auth_service.core.config import Settings
from auth_service.core.security import (
    SigningKeyPair,
    hash_refresh_token,
    new_refresh_token,
    seal_successor,
    unseal_successor,
)
from auth_service.errors import InvalidRefreshTokenError
from auth_service.metrics import TOKENS_ISSUED
from auth_service.models import AuditEventType, User
from auth_service.repositories.refresh_tokens import RefreshTokenRepository
from auth_service.schemas.tokens import TokenPair
from auth_service.services.audit import AuditTrail
from auth_service.services.sessions import SessionEnd, SessionService
from auth_service.services.token_pairs import new_pair

# A used token gets its successor again for this long: an answer can be lost, and two tabs can ask at once.
REUSE_GRACE = timedelta(seconds=10)


class TokenService:
    """Sessions and their tokens."""

    def __init__(
        self,
        *,
        sessions: SessionService,
        refresh_tokens: RefreshTokenRepository,
        audit: AuditTrail,
        signing_key: SigningKeyPair,
        settings: Settings,
        commit: Callable[[], Awaitable[None]],
        call_on_commit: Callable[[Callable[[], None]], None],
    ) -> None:
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._audit = audit
        self._signing_key = signing_key
        self._settings = settings
        self._commit = commit
        self._call_on_commit = call_on_commit

    async def begin_session(self, user: User, *, grant: str) -> TokenPair:
        """Begin a session for an account that has proven who it is."""
        session = await self._sessions.begin(user.id)
        token = new_refresh_token()
        await self._store(token, session_id=session.id)
        return self._pair(user, session_id=session.id, refresh_token=token, grant=grant)

    async def refresh(self, token: str) -> TokenPair:
        """Exchange a refresh token for a new pair; a reused one ends its session.

        Raises:
            InvalidRefreshTokenError: unknown, expired, reused, or its session has ended.
        """
        successor = new_refresh_token()
        claimed = await self._refresh_tokens.claim(
            hash_refresh_token(token), sealed_successor=seal_successor(successor, used_token=token)
        )
        if claimed is None:
            return await self._repeat_answer_or_end_session(token)
        user = await self._live_user(claimed.session_id)
        await self._store(successor, session_id=claimed.session_id)
        return self._pair(user, session_id=claimed.session_id, refresh_token=successor, grant="refresh_token")

    async def end_session(self, token: str) -> None:
        """End the session that a refresh token belongs to; an unknown token has none to end."""
        known = await self._refresh_tokens.find_by_hash(hash_refresh_token(token))
        if known is not None:
            await self._sessions.end(known.session_id, SessionEnd.LOGGED_OUT)

    async def _repeat_answer_or_end_session(self, token: str) -> TokenPair:
        token_hash = hash_refresh_token(token)
        used = await self._refresh_tokens.find_used_within(token_hash, REUSE_GRACE)
        if used is None or used.sealed_successor is None:
            await self._end_session_if_reused(token_hash)
            raise InvalidRefreshTokenError
        user = await self._live_user(used.session_id)
        successor = unseal_successor(used.sealed_successor, used_token=token)
        return self._pair(user, session_id=used.session_id, refresh_token=successor, grant="refresh_token")

    async def _end_session_if_reused(self, token_hash: bytes) -> None:
        known = await self._refresh_tokens.find_by_hash(token_hash)
        if known is not None and known.used_at is not None:
            await self._audit.record(AuditEventType.REFRESH_REUSED, session_id=str(known.session_id))
            await self._sessions.end(known.session_id, SessionEnd.REFRESH_REUSED)
            # Commits: two hold the same token, so one stole it; the session ends although this request is refused.
            await self._commit()

    async def _live_user(self, session_id: UUID) -> User:
        user = await self._sessions.use(session_id)
        if user is None or not user.is_active:
            raise InvalidRefreshTokenError
        return user

    async def _store(self, token: str, *, session_id: UUID) -> None:
        expires_at = datetime.now(UTC) + timedelta(days=self._settings.refresh_token_idle_days)
        await self._refresh_tokens.add(
            session_id=session_id, token_hash=hash_refresh_token(token), expires_at=expires_at
        )

    def _pair(self, user: User, *, session_id: UUID, refresh_token: str, grant: str) -> TokenPair:
        pair = new_pair(
            user,
            session_id=session_id,
            refresh_token=refresh_token,
            signing_key=self._signing_key,
            settings=self._settings,
        )
        self._call_on_commit(TOKENS_ISSUED.labels(grant).inc)
        return pair
