"""The wiring of machine clients and of the token endpoint."""

from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from auth_service.api.client_authentication import find_client_credentials
from auth_service.api.dependencies import AuditTrailDep, SigningKeyDep, TokenServiceDep
from auth_service.api.oauth2 import strict_form
from auth_service.api.resources import ResourcesDep
from auth_service.repositories.oauth_clients import OAuthClientRepository
from auth_service.schemas.clients import ClientCredentials
from auth_service.schemas.tokens import TokenForm
from auth_service.services.clients import ClientService
from auth_service.services.token_grants import TokenGrantService
from service_chassis.dependencies import SessionDep
from service_chassis.transactions import call_on_commit

TokenFormDep = Annotated[TokenForm, Depends(strict_form(TokenForm))]


async def get_client_credentials(request: Request, form: TokenFormDep) -> ClientCredentials | None:
    """Return what the request says about which machine client sends it."""
    return find_client_credentials(request, form)


ClientCredentialsDep = Annotated[ClientCredentials | None, Depends(get_client_credentials)]


async def get_client_service(session: SessionDep, audit: AuditTrailDep) -> ClientService:
    """Build what makes and revokes machine clients; only the command line asks for it."""
    return ClientService(clients=OAuthClientRepository(session), audit=audit)


async def get_token_grant_service(
    resources: ResourcesDep,
    session: SessionDep,
    tokens: TokenServiceDep,
    audit: AuditTrailDep,
    signing_key: SigningKeyDep,
) -> TokenGrantService:
    """Build what the token endpoint grants tokens with."""
    return TokenGrantService(
        clients=OAuthClientRepository(session),
        tokens=tokens,
        audit=audit,
        signing_key=signing_key,
        settings=resources.settings,
        commit=session.commit,
        call_on_commit=partial(call_on_commit, session),
    )


TokenGrantServiceDep = Annotated[TokenGrantService, Depends(get_token_grant_service)]
