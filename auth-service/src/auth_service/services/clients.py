"""Machine clients: how they begin and end."""

from collections.abc import Sequence

from auth_service.core.security import hash_client_secret, verify_client_secret
from auth_service.errors import ClientExistsError, ClientNotFoundError, ClientSecretRevokedError
from auth_service.models import AuditEventType, OAuthClient
from auth_service.repositories.oauth_clients import OAuthClientRepository
from auth_service.schemas.clients import ClientCreate
from auth_service.services.audit import AuditTrail


class ClientService:
    """Machine clients, as whoever operates this service manages them."""

    def __init__(self, *, clients: OAuthClientRepository, audit: AuditTrail) -> None:
        self._clients = clients
        self._audit = audit

    async def create(self, new_client: ClientCreate) -> bool:
        """Create a client and tell so; False when exactly this client exists, so that deployments can repeat it.

        Raises:
            ClientExistsError: the name is taken by a client with another secret or other scopes.
            ClientSecretRevokedError: this secret was revoked, and must not come back.
        """
        secret_hash = hash_client_secret(new_client.secret.get_secret_value())
        scopes = sorted(set(new_client.scopes))
        if await self._clients.add(name=new_client.name, secret_hash=secret_hash, scopes=scopes) is None:
            existing = await self._get_locked(new_client.name)
            has_this_secret = verify_client_secret(new_client.secret.get_secret_value(), existing.secret_hash)
            if existing.revoked_at is None:
                if has_this_secret and existing.scopes == scopes:
                    return False
                raise ClientExistsError
            if has_this_secret:
                raise ClientSecretRevokedError
            await self._clients.renew(existing, secret_hash=secret_hash, scopes=scopes)
        await self._audit.record(AuditEventType.CLIENT_CREATED, client_id=new_client.name, scope=" ".join(scopes))
        return True

    async def revoke(self, name: str) -> bool:
        """Give a client no tokens any more and tell so; False when it was revoked before.

        Raises:
            ClientNotFoundError: there is none of this name.
        """
        client = await self._get_locked(name)
        if client.revoked_at is not None:
            return False
        await self._clients.revoke(client)
        await self._audit.record(AuditEventType.CLIENT_REVOKED, client_id=name)
        return True

    async def list_all(self) -> Sequence[OAuthClient]:
        """Return every client, revoked ones included."""
        return await self._clients.by_name()

    async def _get_locked(self, name: str) -> OAuthClient:
        client = await self._clients.lock_by_name(name)
        if client is None:
            raise ClientNotFoundError
        return client
