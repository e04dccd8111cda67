"""The settings of this service."""

from importlib.metadata import version
from typing import Annotated, ClassVar

from pydantic import Field, HttpUrl, UrlConstraints

from service_chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """What items-service needs beyond what every service needs."""

    service_prefix: ClassVar[str] = "ITEMS_"

    project_name: str = "items-service"
    version: str = version("items-service")
    auth_service_url: Annotated[HttpUrl, UrlConstraints(max_length=500)] = Field(HttpUrl("http://auth-service:8000"))
    """Where auth-service answers inside the cluster, without the gateway."""

    @property
    def key_set_url(self) -> str:
        """Where auth-service publishes the keys of access tokens."""
        return f"{str(self.auth_service_url).rstrip('/')}/.well-known/jwks.json"
