"""What a standard client reads of this server before it asks for anything."""

from pydantic import BaseModel, Field


class ServerMetadata(BaseModel):
    """An authorization server's metadata (RFC 8414)."""

    issuer: str = Field(examples=["https://tandem.example.com"])
    token_endpoint: str = Field(examples=["https://tandem.example.com/api/v1/auth/token"])
    jwks_uri: str = Field(examples=["https://tandem.example.com/.well-known/jwks.json"])
    scopes_supported: list[str] = Field(examples=[["items:read", "events:read"]])
    response_types_supported: list[str] = Field(
        description="None, since there is no authorization endpoint; the list itself is required.", examples=[[]]
    )
    grant_types_supported: list[str] = Field(examples=[["client_credentials", "refresh_token"]])
    token_endpoint_auth_methods_supported: list[str] = Field(examples=[["client_secret_basic", "none"]])


class OpenIDMetadata(ServerMetadata):
    """The same in the words of OpenID Connect Discovery, where many verifiers look for the keys of an issuer."""

    subject_types_supported: list[str] = Field(examples=[["public"]])
    id_token_signing_alg_values_supported: list[str] = Field(
        description="What tokens are signed with at the moment; access tokens are all the tokens there are.",
        examples=[["ES256"]],
    )
