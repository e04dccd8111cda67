"""Statements about the last good key set."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.models import TrustedKeySet


class TrustedKeysRepository:
    """The one key set that is kept."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self) -> bytes | None:
        """Find the document that was kept last."""
        return await self._session.scalar(select(TrustedKeySet.document))

    async def keep(self, document: bytes) -> None:
        """Keep this document in the place of the one before."""
        statement = insert(TrustedKeySet).values(document=document)
        replaced = {"document": document, "updated_at": func.now()}
        await self._session.execute(statement.on_conflict_do_update(index_elements=[TrustedKeySet.id], set_=replaced))
