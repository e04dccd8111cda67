"""The token endpoint: what a client has to show to be granted a token (RFC 6749)."""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from uuid_utils.compat import uuid7

from auth_service.core.config import Settings
from auth_service.core.security import SigningKeyPair, create_access_token, verify_client_secret
from auth_service.errors import InvalidClientError, InvalidGrantError, InvalidRefreshTokenError, InvalidScopeError
from auth_service.metrics import TOKENS_ISSUED
from auth_service.models import AuditEventType, OAuthClient
from auth_service.repositories.oauth_clients import OAuthClientRepository
from auth_service.schemas.clients import ClientCredentials
from auth_service.schemas.tokens import Token, TokenForm, TokenPair
from auth_service.services.audit import AuditTrail
from auth_service.services.token_pairs import FIRST_PARTY_CLIENT_ID
from auth_service.services.tokens import TokenService
from service_chassis.access_tokens.claims import SERVICE_SUBJECT_PREFIX
from service_chassis.log_context import add_to_log_context

# A revoked client's tokens live on until they expire, and a machine gets a new one for the price of a hash.
SERVICE_TOKEN_LIFETIME = timedelta(minutes=5)


class TokenGrantService:
    """Grants tokens to machine clients, and to sessions by their refresh tokens."""

    def __init__(
        self,
        *,
        clients: OAuthClientRepository,
        tokens: TokenService,
        audit: AuditTrail,
        signing_key: SigningKeyPair,
        settings: Settings,
        commit: Callable[[], Awaitable[None]],
        call_on_commit: Callable[[Callable[[], None]], None],
    ) -> None:
        self._clients = clients
        self._tokens = tokens
        self._audit = audit
        self._signing_key = signing_key
        self._settings = settings
        self._commit = commit
        self._call_on_commit = call_on_commit

    async def grant(self, form: TokenForm, credentials: ClientCredentials | None) -> Token:
        """Grant what the form asks for.

        Raises:
            InvalidClientError: the client has to show who it is, and doesn't.
            InvalidScopeError: it asks for more than it may have.
            InvalidGrantError: the refresh token is not valid, or not this client's.
        """
        client = await self._authenticate(credentials) if credentials is not None else None
        if form.refresh_token is not None:
            # Refresh tokens belong to sessions, whose client is public: it has no secret to show.
            if client is not None or form.client_id not in {None, FIRST_PARTY_CLIENT_ID}:
                raise InvalidGrantError
            return await self._refresh(form.refresh_token.get_secret_value())
        if client is None:
            raise InvalidClientError
        return self._token_of(client, requested=form.scope.split())

    async def _authenticate(self, credentials: ClientCredentials) -> OAuthClient:
        client = await self._clients.find_by_name(credentials.client_id)
        secret_hash = client.secret_hash if client is not None else None
        matches = verify_client_secret(credentials.client_secret.get_secret_value(), secret_hash)
        if client is None or not matches or client.revoked_at is not None:
            # What an unknown client calls itself is anybody's text, and may be a secret in the wrong field.
            await self._audit.record(AuditEventType.CLIENT_REFUSED, client_id=client.name if client is not None else "")
            # Commits: that somebody tried stays on record although the request is refused.
            await self._commit()
            raise InvalidClientError
        add_to_log_context(client_id=client.name)
        return client

    async def _refresh(self, refresh_token: str) -> TokenPair:
        try:
            return await self._tokens.refresh(refresh_token)
        except InvalidRefreshTokenError as error:
            raise InvalidGrantError from error

    def _token_of(self, client: OAuthClient, *, requested: list[str]) -> Token:
        if not set(requested) <= set(client.scopes):
            raise InvalidScopeError
        scope = " ".join(sorted(set(requested or client.scopes)))
        now = int(time.time())
        lifetime_seconds = int(SERVICE_TOKEN_LIFETIME.total_seconds())
        claims = {
            "iss": self._settings.token_issuer,
            "aud": self._settings.service_token_audience,
            "sub": SERVICE_SUBJECT_PREFIX + client.name,
            "client_id": client.name,
            "iat": now,
            "exp": now + lifetime_seconds,
            "jti": str(uuid7()),
            "scope": scope,
        }
        access_token = create_access_token(claims, key=self._signing_key)
        self._call_on_commit(TOKENS_ISSUED.labels("client_credentials").inc)
        return Token(access_token=access_token, expires_in=lifetime_seconds, scope=scope)
