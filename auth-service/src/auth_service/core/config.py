"""The settings of this service."""

from datetime import timedelta
from importlib.metadata import version
from typing import ClassVar, Literal

from pydantic import Field

from service_chassis.access_tokens.claims import MAXIMUM_ACCESS_TOKEN_LIFETIME
from service_chassis.settings import ServiceSettings

_MAXIMUM_TOKEN_MINUTES = MAXIMUM_ACCESS_TOKEN_LIFETIME // timedelta(minutes=1)


class Settings(ServiceSettings):
    """What auth-service needs beyond what every service needs."""

    service_prefix: ClassVar[str] = "AUTH_"

    project_name: str = "auth-service"
    version: str = version("auth-service")
    algorithm: Literal["ES256", "RS256", "EdDSA"] = "ES256"
    access_token_expire_minutes: int = Field(15, ge=1, le=_MAXIMUM_TOKEN_MINUTES)
    refresh_token_idle_days: int = Field(14, ge=1)
    session_expire_days: int = Field(90, ge=1)
    registration_enabled: bool = True
