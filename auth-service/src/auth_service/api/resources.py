"""What lives as long as the process, and how an endpoint gets at it."""

from typing import Annotated

from fastapi import Depends, Request

from auth_service.core.config import Settings
from auth_service.core.security import PasswordHashing
from auth_service.services.rate_limits import RateLimits
from auth_service.services.signing_keys import SigningKeys
from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.verification import ServiceTokenVerifier, TokenVerifier
from service_chassis.database import Database
from service_chassis.pagination import CursorSigner


class Resources:
    """What lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)
        self.password_hashing = PasswordHashing()
        self.rate_limits = RateLimits(settings.redis_url)
        self.cursors = CursorSigner(settings.secret_key)
        self.signing_keys = SigningKeys(database=self.database, settings=settings)
        self.authenticator = TokenAuthenticator(
            verifier=TokenVerifier(issuer=settings.token_issuer, audience=settings.token_audience),
            keys=self.signing_keys,
        )
        self.service_authenticator = TokenAuthenticator(
            verifier=ServiceTokenVerifier(issuer=settings.token_issuer, audience=settings.service_token_audience),
            keys=self.signing_keys,
        )

    async def close(self) -> None:
        """End every thread and close every connection."""
        self.password_hashing.close()
        await self.rate_limits.close()
        await self.database.close()


def get_resources(request: Request) -> Resources:
    """Return what `create_app` built."""
    resources: Resources = request.app.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(get_resources)]
