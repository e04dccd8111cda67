"""What clients send and get of tokens."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from service_chassis.strict_json import StrictModel, Text

MAXIMUM_REFRESH_TOKEN_CHARACTERS = 128


class LoginForm(StrictModel):
    """The OAuth2 password form (RFC 6749, 4.3.2); `client_id` and the like are taken and ignored."""

    grant_type: Literal["password"] = "password"
    username: Annotated[Text, Field(max_length=320)] = Field(examples=["ada@example.com"])
    password: SecretStr = Field(examples=["correct horse battery staple"])
    scope: Text = ""
    client_id: Text | None = None
    client_secret: SecretStr | None = None


class TokenForm(StrictModel):
    """The client credentials grant (RFC 6749, 4.4) and the refresh grant (6); `scope` narrows the first only."""

    grant_type: Literal["client_credentials", "refresh_token"]
    scope: Text = Field("", examples=["events:read"])
    client_id: Text | None = Field(None, examples=["items-service"])
    client_secret: SecretStr | None = None
    refresh_token: Annotated[SecretStr, Field(max_length=MAXIMUM_REFRESH_TOKEN_CHARACTERS)] | None = Field(
        None, validate_default=True
    )

    @model_validator(mode="before")
    @classmethod
    def _without_empty_parameters(cls, parameters: dict[str, str]) -> dict[str, Any]:
        """Omit what was sent without a value (RFC 6749, 3.2)."""
        return {name: value for name, value in parameters.items() if value or name not in cls.model_fields}

    @field_validator("refresh_token")
    @classmethod
    def _belongs_to_its_grant(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (token is not None) != (info.data.get("grant_type") == "refresh_token"):
            raise PydanticCustomError("wrong_grant", "Belongs to the grant type refresh_token, which needs it")
        return token


class RefreshRequest(StrictModel):
    """The refresh token to exchange or to end."""

    refresh_token: Annotated[SecretStr, Field(max_length=MAXIMUM_REFRESH_TOKEN_CHARACTERS)]


class Token(BaseModel):
    """An access token for requests."""

    access_token: str
    token_type: Literal["bearer"] = Field("bearer")
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    scope: str = Field(examples=["items:read items:write users:me"])


class TokenPair(Token):
    """An access token for requests, and a refresh token for the next pair."""

    refresh_token: str


class OAuth2ErrorBody(BaseModel):
    """An error in the form of RFC 6749, section 5.2."""

    error: str = Field(examples=["invalid_grant"])
    error_description: str
