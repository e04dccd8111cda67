"""The settings of this service."""

from importlib.metadata import version
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, UrlConstraints, ValidationInfo

from service_chassis.settings import ServiceSettings


def _given_with_the_id(secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if (secret is None) != (info.data.get("feed_client_id") is None):
        raise ValueError("has to be given together with FEED_CLIENT_ID, or neither of them")
    return secret


class Settings(ServiceSettings):
    """What items-service needs beyond what every service needs."""

    service_prefix: ClassVar[str] = "ITEMS_"

    project_name: str = "items-service"
    version: str = version("items-service")
    auth_service_url: Annotated[HttpUrl, UrlConstraints(max_length=500)] = Field(HttpUrl("http://auth-service:8000"))
    """Where auth-service answers inside the cluster, without the gateway."""

    feed_client_id: Annotated[str, Field(min_length=1)] | None = None
    feed_client_secret: Annotated[SecretStr | None, AfterValidator(_given_with_the_id)] = None
    """The machine client as which auth-service's events are read; without it, ended sessions are not heard of."""

    @property
    def key_set_url(self) -> str:
        """Where auth-service publishes the keys of access tokens."""
        return f"{self._auth_service}/.well-known/jwks.json"

    @property
    def events_url(self) -> str:
        """Where auth-service tells what other services have to know."""
        return f"{self._auth_service}/internal/events"

    @property
    def token_url(self) -> str:
        """Where auth-service gives machine clients their tokens."""
        return f"{self._auth_service}{self.api_v1_str}/auth/token"

    @property
    def _auth_service(self) -> str:
        return str(self.auth_service_url).rstrip("/")
