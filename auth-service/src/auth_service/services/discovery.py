"""Describes this server to standard clients: true of the configuration, whatever host a request names."""

from pydantic_core import from_json

from auth_service.core.config import Settings
from auth_service.schemas.discovery import OpenIDMetadata, ServerMetadata
from service_chassis.access_tokens.scopes import SERVICE_SCOPES, USER_SCOPES


def describe_server(settings: Settings) -> ServerMetadata:
    """Return what RFC 8414 wants to know."""
    base_url = settings.token_issuer.rstrip("/")
    return ServerMetadata(
        issuer=settings.token_issuer,
        token_endpoint=f"{base_url}{settings.api_v1_str}/auth/token",
        jwks_uri=f"{base_url}/.well-known/jwks.json",
        scopes_supported=[*USER_SCOPES, *SERVICE_SCOPES],
        response_types_supported=[],
        grant_types_supported=["client_credentials", "refresh_token"],
        # Sessions refresh without authentication: their client is public.
        token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post", "none"],
    )


def describe_openid_provider(settings: Settings, *, key_set: bytes) -> OpenIDMetadata:
    """Return what OpenID Connect Discovery wants to know, as far as it is true of a server without ID tokens."""
    algorithms = {key["alg"] for key in from_json(key_set)["keys"]}
    return OpenIDMetadata(
        **describe_server(settings).model_dump(),
        # Every client sees the same `sub` of a user.
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=sorted(algorithms),
    )
