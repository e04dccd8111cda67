"""Statements about machine clients."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import OAuthClient


class OAuthClientRepository:
    """Machine clients, by their unique names."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *, name: str, secret_hash: bytes, scopes: list[str]) -> OAuthClient | None:
        """Insert a client, or return None when the name is taken; two at once can't both succeed."""
        statement = (
            insert(OAuthClient)
            .values(name=name, secret_hash=secret_hash, scopes=scopes)
            .on_conflict_do_nothing(index_elements=[OAuthClient.name])
            .returning(OAuthClient)
        )
        return await self._session.scalar(statement)

    async def find_by_name(self, name: str) -> OAuthClient | None:
        """Find a client, revoked or not."""
        return await self._session.scalar(select(OAuthClient).where(OAuthClient.name == name))

    async def lock_by_name(self, name: str) -> OAuthClient | None:
        """Find a client and keep others from changing it until the transaction ends."""
        return await self._session.scalar(select(OAuthClient).where(OAuthClient.name == name).with_for_update())

    async def by_name(self) -> Sequence[OAuthClient]:
        """Return every client, revoked ones included, in the order of their names."""
        return (await self._session.scalars(select(OAuthClient).order_by(OAuthClient.name))).all()

    async def renew(self, client: OAuthClient, *, secret_hash: bytes, scopes: list[str]) -> None:
        """Let a revoked client begin again with another secret."""
        client.secret_hash, client.scopes = secret_hash, scopes
        client.revoked_at = None
        await self._session.flush()

    async def revoke(self, client: OAuthClient) -> None:
        """Note that a client gets no tokens any more."""
        client.revoked_at = await self._session.scalar(select(func.now()))
        await self._session.flush()
