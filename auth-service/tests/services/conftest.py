"""Processes of auth-service, as far as their keys are concerned."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.core.config import Settings
from auth_service.models import KeyState
from auth_service.repositories.audit_events import AuditEventRepository
from auth_service.repositories.outbox_events import OutboxEventRepository
from auth_service.repositories.signing_keys import SigningKeyReader, SigningKeyRepository
from auth_service.schemas.devices import COMMAND_LINE
from auth_service.services.audit import AuditTrail
from auth_service.services.events import EventPublisher
from auth_service.services.key_rotation import KeyRotation, KeyTimes, Replacement, Rotation
from auth_service.services.key_sealing import KeySealing
from auth_service.services.signing_keys import SigningKeys
from service_chassis.database import Database
from service_chassis.statement_pool import StatementPool
from service_chassis.testing.databases import EmptyableDatabase

# So short that a test can watch keys come and go.
WATCHABLE = KeyTimes(
    publish_before_signing=timedelta(seconds=0.2),
    token_lifetime=timedelta(seconds=0.3),
    renewal=timedelta(seconds=0.2),
    margin=timedelta(seconds=0.1),
)


class Replica:
    """A process of auth-service, as far as its keys are concerned."""

    def __init__(self, settings: Settings, times: KeyTimes) -> None:
        self._settings = settings
        self._times = times
        self._sealing = KeySealing(settings.secret_key)
        self.database = Database(settings)
        self.statement_pool = StatementPool(settings)
        self.keys = SigningKeys(
            database=self.database,
            reader=SigningKeyReader(self.statement_pool),
            sealing=self._sealing,
            times=times,
            new_rotation=self._new_rotation,
            read_every_seconds=0.02,
        )

    async def rotate(self, **options: Any) -> Rotation:  # the method's own
        async with self.database.session() as session:
            return await self._new_rotation(session).rotate(**options)

    async def drop(self, key_id: UUID) -> Replacement:
        async with self.database.session() as session:
            return await self._new_rotation(session).drop(key_id)

    async def states(self) -> dict[UUID, KeyState]:
        async with self.database.session() as session:
            return {stored.key.id: stored.state for stored in await SigningKeyRepository(session).newest_first()}

    async def signing_id(self) -> UUID:
        return (await self.keys.signing_key()).key_id

    async def published_ids(self) -> set[UUID]:
        return {UUID(key["kid"]) for key in from_json(await self.keys.key_set())["keys"]}

    async def until_signing(self, key_id: UUID) -> None:
        async with asyncio.timeout(5):
            while await self.signing_id() != key_id:  # noqa: ASYNC110  # nobody tells of a reading
                await asyncio.sleep(0.01)

    async def until_published(self, *key_ids: UUID) -> None:
        async with asyncio.timeout(5):
            while await self.published_ids() != {*key_ids}:  # noqa: ASYNC110  # the same
                await asyncio.sleep(0.01)

    async def other_than(self, key_id: UUID) -> UUID:
        async with asyncio.timeout(5):
            while len(states := await self.states()) < 2:  # noqa: ASYNC110  # another process adds it
                await asyncio.sleep(0.01)
        [other] = states.keys() - {key_id}
        return other

    def _new_rotation(self, session: AsyncSession) -> KeyRotation:
        return KeyRotation(
            keys=SigningKeyRepository(session),
            sealing=self._sealing,
            times=self._times,
            algorithm=self._settings.algorithm,
            events=EventPublisher(OutboxEventRepository(session)),
            audit=AuditTrail(audit_events=AuditEventRepository(session), device=COMMAND_LINE),
        )


@pytest.fixture
async def new_replica(database: EmptyableDatabase) -> AsyncIterator[Callable[..., Replica]]:
    """Start replicas on one database; its rows are gone after the test."""
    async with AsyncExitStack() as replicas:

        def start(
            *,
            follows: bool = True,
            times: dict[str, timedelta] | None = None,
            **settings: Any,  # each has a type of its own
        ) -> Replica:
            values: dict[str, Any] = {"environment": "local", "database_url": database.url} | settings
            replica = Replica(Settings(**values), replace(WATCHABLE, **(times or {})))
            replicas.push_async_callback(replica.database.close)
            replicas.push_async_callback(replica.statement_pool.close)
            replicas.push_async_callback(replica.keys.close)
            if follows:
                replica.keys.start()
            return replica

        yield start
    await database.empty()
