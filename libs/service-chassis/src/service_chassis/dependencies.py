"""What endpoints of every service may ask for: the request's transaction, and who is calling."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.security import SecurityScopes
from sqlalchemy.ext.asyncio import AsyncSession

from service_chassis.access_tokens.authentication import BearerToken, ServiceBearerToken, TokenAuthenticator
from service_chassis.access_tokens.claims import AccessToken, ServiceToken
from service_chassis.database import Database
from service_chassis.errors import InsufficientScopeError
from service_chassis.log_context import add_to_log_context


def install_dependencies(
    app: FastAPI,
    *,
    database: Database,
    authenticator: TokenAuthenticator[AccessToken],
    service_authenticator: TokenAuthenticator[ServiceToken] | None = None,
) -> None:
    """Give the dependencies below what they work on; only who has routes for machine clients authenticates them."""
    app.state.database = database
    app.state.authenticator = authenticator
    app.state.service_authenticator = service_authenticator


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Commit when the endpoint returns, roll back when anything raises."""
    database: Database = request.app.state.database
    async with database.session() as session:
        yield session


# scope="function": commit before the response leaves, so a failed commit is a 503, not a false 201.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]


async def get_access_token(
    required: SecurityScopes, token: Annotated[str, Depends(BearerToken())], request: Request
) -> AccessToken:
    """Return the verified access token of the request, which carries the scopes that the endpoint declares.

    Raises:
        InvalidTokenError: the token is not exactly what the issuer issues.
        InsufficientScopeError: it lacks a scope.
    """
    authenticator: TokenAuthenticator[AccessToken] = request.app.state.authenticator
    access_token = await authenticator.authenticate(token)
    add_to_log_context(**access_token.log_fields)
    if not access_token.scopes.issuperset(required.scopes):
        raise InsufficientScopeError
    return access_token


async def get_service_token(
    required: SecurityScopes, token: Annotated[str, Depends(ServiceBearerToken())], request: Request
) -> ServiceToken:
    """Return the verified access token of a machine client, which carries the scopes that the endpoint declares.

    Raises:
        InvalidTokenError: the token is not exactly what the issuer issues to machine clients; a user's is not.
        InsufficientScopeError: it lacks a scope.
    """
    authenticator: TokenAuthenticator[ServiceToken] = request.app.state.service_authenticator
    service_token = await authenticator.authenticate(token)
    add_to_log_context(client_id=service_token.client_id)
    if not service_token.scopes.issuperset(required.scopes):
        raise InsufficientScopeError
    return service_token
