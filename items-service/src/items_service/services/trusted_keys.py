"""Keeps auth-service's last good key set, so that items-service even starts without auth-service."""

from items_service.repositories.trusted_keys import TrustedKeysRepository
from service_chassis.database import Database


class KeptKeySet:
    """A key set in this service's own database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> bytes | None:
        """Return the document that was kept last, None before the first.

        Raises:
            DatabaseUnavailableError: the database is away.
        """
        async with self._database.session() as session:
            return await TrustedKeysRepository(session).find()

    async def save(self, document: bytes) -> None:
        """Keep this document in the place of the one before.

        Raises:
            DatabaseUnavailableError: the database is away.
        """
        async with self._database.session() as session:
            await TrustedKeysRepository(session).keep(document)
