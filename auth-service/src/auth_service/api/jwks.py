"""Publishes the keys that access tokens are verified with."""

from fastapi import APIRouter, Response

from auth_service.api.resources import ResourcesDep
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.problem_details import documented_problems

# Verifiers may keep the set this long; a new key is published for longer before it signs.
CACHE_SECONDS = 60

router = APIRouter(prefix="/.well-known", tags=["keys"])


@router.get(
    "/jwks.json",
    responses={
        200: {"content": {"application/json": {"example": {"keys": []}}}, "description": "A JSON Web Key Set."},
        **documented_problems(DatabaseUnavailableError),
    },
)
async def get_key_set(resources: ResourcesDep) -> Response:
    """Return the public keys as a JSON Web Key Set (RFC 7517)."""
    headers = {"Cache-Control": f"public, max-age={CACHE_SECONDS}"}
    return Response(await resources.signing_keys.key_set(), headers=headers, media_type="application/json")
