"""Publishes where things are and how they work, so that a standard client needs the base URL only."""

from fastapi import APIRouter, Response

from auth_service.api.jwks import CACHE_SECONDS
from auth_service.api.resources import ResourcesDep
from auth_service.schemas.discovery import OpenIDMetadata, ServerMetadata
from auth_service.services.discovery import describe_openid_provider, describe_server
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.problem_details import documented_problems

_CACHE_CONTROL = f"public, max-age={CACHE_SECONDS}"

router = APIRouter(prefix="/.well-known", tags=["discovery"])


@router.get("/oauth-authorization-server")
async def get_server_metadata(resources: ResourcesDep, response: Response) -> ServerMetadata:
    """Return the metadata of this authorization server (RFC 8414)."""
    response.headers["Cache-Control"] = _CACHE_CONTROL
    return describe_server(resources.settings)


@router.get("/openid-configuration", responses=documented_problems(DatabaseUnavailableError))
async def get_openid_metadata(resources: ResourcesDep, response: Response) -> OpenIDMetadata:
    """Return the same for verifiers that look where OpenID Connect has it; there are no ID tokens here."""
    response.headers["Cache-Control"] = _CACHE_CONTROL
    return describe_openid_provider(resources.settings, key_set=await resources.signing_keys.key_set())
