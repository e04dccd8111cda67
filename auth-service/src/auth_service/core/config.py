"""The settings of this service."""

from datetime import timedelta
from importlib.metadata import version
from typing import Annotated, ClassVar, Literal

from limits import RateLimitItem, parse
from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationInfo

from auth_service.core.mail_server import LOCAL_APP_URL, LOCAL_MAIL_FROM, AppUrl, MailSender, SmtpUrl
from service_chassis.access_tokens.claims import MAXIMUM_ACCESS_TOKEN_LIFETIME
from service_chassis.settings import ServiceSettings

MINIMUM_SIGNING_KEY_PUBLISH_SECONDS = 240
"""A cache on the way keeps a key set for a minute, items-service asks every minute, and one answer may get lost."""

_MAXIMUM_TOKEN_MINUTES = MAXIMUM_ACCESS_TOKEN_LIFETIME // timedelta(minutes=1)


def _long_enough(seconds: int, info: ValidationInfo) -> int:
    """Let a short time pass on a developer's machine only."""
    if info.data.get("environment") != "local" and seconds < MINIMUM_SIGNING_KEY_PUBLISH_SECONDS:
        raise ValueError(f"has to be at least {MINIMUM_SIGNING_KEY_PUBLISH_SECONDS} when ENVIRONMENT is not local")
    return seconds


def _another_than_the_users(audience: str, info: ValidationInfo) -> str:
    if audience == info.data.get("token_audience"):
        raise ValueError("has to be another audience than TOKEN_AUDIENCE: users' routes refuse machine clients by it")
    return audience


def _limit(value: object) -> object:
    try:
        return parse(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("has to be of the form '10 per 15 minutes'") from None


Limit = Annotated[InstanceOf[RateLimitItem], BeforeValidator(_limit)]


class Settings(ServiceSettings):
    """What auth-service needs beyond what every service needs."""

    service_prefix: ClassVar[str] = "AUTH_"

    project_name: str = "auth-service"
    version: str = version("auth-service")
    algorithm: Literal["ES256", "RS256", "EdDSA"] = "ES256"
    service_token_audience: Annotated[str, AfterValidator(_another_than_the_users)] = Field(
        "tandem-services", min_length=1
    )
    signing_key_publish_seconds: Annotated[int, Field(ge=1, le=86_400), AfterValidator(_long_enough)] = 600
    """How long verifiers see a new key before it signs; Envoy, for one, keeps a key set for five minutes."""
    access_token_expire_minutes: int = Field(15, ge=1, le=_MAXIMUM_TOKEN_MINUTES)
    refresh_token_idle_days: int = Field(14, ge=1)
    session_expire_days: int = Field(90, ge=1)
    registration_enabled: bool = True
    login_limit_per_network: Limit = parse("300 per minute")
    login_limit_per_account: Limit = parse("10 per 15 minutes")
    """From one network; whoever logs in has all attempts again."""
    login_limit_per_account_everywhere: Limit = parse("100 per hour")
    """From all networks together, save those that the account was used from lately."""
    mail_limit_per_address: Limit = parse("5 per hour")
    email_verification_required: bool = Field(default_factory=lambda data: data["environment"] != "local")
    """Whether people prove their address before they log in."""
    smtp_url: SmtpUrl = None
    mail_from: MailSender = LOCAL_MAIL_FROM
    app_url: AppUrl = LOCAL_APP_URL
    """Where the pages of the front end stand that the links in mails open."""
