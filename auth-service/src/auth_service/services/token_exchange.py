"""Exchanges refresh tokens that are as they should be, in one statement."""

from datetime import UTC, datetime, timedelta

from auth_service.core.config import Settings
from auth_service.core.security import hash_refresh_token, new_refresh_token, seal_successor
from auth_service.metrics import TOKENS_ISSUED
from auth_service.repositories.direct_sessions import DirectSessionRepository
from auth_service.schemas.devices import Device
from auth_service.schemas.tokens import TokenPair
from auth_service.services.signing_keys import SigningKeys
from auth_service.services.token_pairs import new_pair


class TokenExchange:
    """The usual case of `TokenService.refresh`, which judges all others."""

    def __init__(self, *, sessions: DirectSessionRepository, signing_keys: SigningKeys, settings: Settings) -> None:
        self._sessions = sessions
        self._signing_keys = signing_keys
        self._settings = settings

    async def exchange(self, token: str, *, device: Device) -> TokenPair | None:
        """Return a new pair; None, with nothing changed, when the token is not simply good."""
        # Before the token is used up, since without a key there is no pair.
        signing_key = await self._signing_keys.signing_key()
        successor = new_refresh_token()
        used = await self._sessions.exchange(
            hash_refresh_token(token),
            sealed_successor=seal_successor(successor, used_token=token),
            successor_hash=hash_refresh_token(successor),
            expires_at=datetime.now(UTC) + timedelta(days=self._settings.refresh_token_idle_days),
            address=device.address,
            user_agent=device.user_agent,
        )
        if used is None:
            return None
        TOKENS_ISSUED.labels("refresh_token").inc()
        return new_pair(
            used,
            session_id=used.session_id,
            refresh_token=successor,
            signing_key=signing_key,
            settings=self._settings,
        )
