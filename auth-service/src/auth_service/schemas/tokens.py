"""What clients send and get of tokens."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr

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


class RefreshRequest(StrictModel):
    """The refresh token to exchange or to end."""

    refresh_token: Annotated[SecretStr, Field(max_length=MAXIMUM_REFRESH_TOKEN_CHARACTERS)]


class TokenPair(BaseModel):
    """An access token for requests, and a refresh token for the next pair."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = Field("bearer")
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    scope: str = Field(examples=["items:read items:write users:me"])


class OAuth2ErrorBody(BaseModel):
    """An error in the form of RFC 6749, section 5.2."""

    error: str = Field(examples=["invalid_grant"])
    error_description: str
