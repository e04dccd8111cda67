"""What an access token says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

MAXIMUM_ACCESS_TOKEN_LIFETIME = timedelta(hours=24)

SUPERUSER_SCOPE = "admin"
# No UUID begins like this, so a machine client is never taken for a user.
SERVICE_SUBJECT_PREFIX = "client:"


@dataclass(frozen=True)  # not with slots, which would leave no place for what is made once
class AccessToken:
    """A verified access token; `subject` is the user's id."""

    subject: UUID
    session_id: UUID
    token_id: UUID
    scopes: frozenset[str]
    expires_at: int
    rights_version: int

    @property
    def is_superuser(self) -> bool:
        """Whether the user may act on everybody's things."""
        return SUPERUSER_SCOPE in self.scopes

    @cached_property
    def log_fields(self) -> Mapping[str, str]:
        """What the lines of a request say of its caller."""
        return {"user_id": str(self.subject)}


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """A verified access token of a machine client, which acts for itself and for no user."""

    client_id: str
    token_id: UUID
    scopes: frozenset[str]
    expires_at: int


def _canonical(text: str) -> str:
    # Python reads braces, URNs and missing hyphens too; one id has one spelling here.
    if str(UUID(text)) != text:
        raise ValueError("is not a UUID in its canonical form")
    return text


CanonicalUUID = Annotated[str, AfterValidator(_canonical)]
Seconds = Annotated[int, Field(ge=0, le=2**40)]
NonEmpty = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class TokenHeader(BaseModel):
    """The protected header; a parameter that isn't one of these (`jwk`, `jku`, `crit` …) makes a token invalid."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    alg: Literal["ES256", "RS256", "EdDSA"]
    typ: Literal["at+jwt"]
    kid: NonEmpty


class CommonClaims(BaseModel):
    """What every token says, typed strictly: an `exp` that is a string or a fraction is no `exp`."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    iss: NonEmpty
    aud: NonEmpty
    client_id: NonEmpty
    iat: Seconds
    exp: Seconds
    jti: CanonicalUUID
    scope: str


class TokenClaims(CommonClaims):
    """The payload of a token that was issued to a user's session."""

    sub: CanonicalUUID
    sid: CanonicalUUID
    ver: Annotated[int, Field(ge=0)]

    def to_access_token(self) -> AccessToken:
        """Return the claims in the types that the services work with."""
        return AccessToken(
            subject=UUID(self.sub),
            session_id=UUID(self.sid),
            token_id=UUID(self.jti),
            scopes=frozenset(self.scope.split()),
            expires_at=self.exp,
            rights_version=self.ver,
        )


class ServiceTokenClaims(CommonClaims):
    """The payload of a token that was issued to a machine client."""

    sub: NonEmpty

    @model_validator(mode="after")
    def _is_about_the_client(self) -> Self:
        if self.sub != SERVICE_SUBJECT_PREFIX + self.client_id:
            raise ValueError("is not about the client that it was issued to")
        return self

    def to_service_token(self) -> ServiceToken:
        """Return the claims in the types that the services work with."""
        return ServiceToken(
            client_id=self.client_id,
            token_id=UUID(self.jti),
            scopes=frozenset(self.scope.split()),
            expires_at=self.exp,
        )
