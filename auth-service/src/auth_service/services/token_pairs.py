"""What a pair of tokens says."""

import time
from typing import Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

from auth_service.core.config import Settings
from auth_service.core.security import SigningKeyPair, create_access_token
from auth_service.schemas.tokens import TokenPair
from service_chassis.log_context import add_to_log_context

USER_SCOPES = ("items:read", "items:write", "users:me")
SUPERUSER_SCOPES = (*USER_SCOPES, "admin")
FIRST_PARTY_CLIENT_ID = "tandem"


class Holder(Protocol):
    """Whose tokens these are, as an account or as the columns of one."""

    @property
    def id(self) -> UUID:
        """The account."""

    @property
    def is_superuser(self) -> bool:
        """Whether its tokens administer others."""

    @property
    def rights_version(self) -> int:
        """How often its rights have changed."""


def new_pair(
    holder: Holder, *, session_id: UUID, refresh_token: str, signing_key: SigningKeyPair, settings: Settings
) -> TokenPair:
    """Sign an access token, and return it with the refresh token."""
    add_to_log_context(user_id=str(holder.id))
    now = int(time.time())
    lifetime_seconds = settings.access_token_expire_minutes * 60
    scope = " ".join(SUPERUSER_SCOPES if holder.is_superuser else USER_SCOPES)
    claims = {
        "iss": settings.token_issuer,
        "aud": settings.token_audience,
        "sub": str(holder.id),
        "client_id": FIRST_PARTY_CLIENT_ID,
        "iat": now,
        "exp": now + lifetime_seconds,
        "jti": str(uuid7()),
        "sid": str(session_id),
        "ver": holder.rights_version,
        "scope": scope,
    }
    access_token = create_access_token(claims, key=signing_key)
    return TokenPair(access_token=access_token, refresh_token=refresh_token, expires_in=lifetime_seconds, scope=scope)
