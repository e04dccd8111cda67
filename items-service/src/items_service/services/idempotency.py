"""Does what a request asks for once, however often the request arrives."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel

from items_service.errors import IdempotencyKeyInFlightError, IdempotencyKeyReusedError
from items_service.metrics import IDEMPOTENT_REPLAYS
from items_service.repositories.idempotency_keys import IdempotencyKeyRepository
from service_chassis.database import Database

KEYS_DELETED_AT_ONCE = 5_000

Answer = TypeVar("Answer", bound=BaseModel)


class IdempotencyService:
    """One request's key, if it carries one; key and work are committed in one transaction."""

    def __init__(self, *, keys: IdempotencyKeyRepository, owner_id: UUID, key: str | None) -> None:
        self._keys = keys
        self._owner_id = owner_id
        self._key = key

    async def once(
        self, request: BaseModel, *, answer_type: type[Answer], work: Callable[[], Awaitable[object]]
    ) -> Answer:
        """Return the answer that the first request with this key got, doing the work if this is the first.

        Raises:
            IdempotencyKeyReusedError: the key came with another request before.
            IdempotencyKeyInFlightError: the first request with this key is not answered yet.
        """
        if self._key is None:
            return answer_type.model_validate(await work(), from_attributes=True)
        if not await self._keys.try_to_lock(self._owner_id, self._key):
            raise IdempotencyKeyInFlightError
        fingerprint = _fingerprint(request)
        answered = await self._keys.find(self._owner_id, self._key)
        if answered is None:
            answer = answer_type.model_validate(await work(), from_attributes=True)
            await self._keys.save(
                owner_id=self._owner_id, key=self._key, fingerprint=fingerprint, answer=answer.model_dump_json()
            )
            return answer
        if answered.fingerprint != fingerprint:
            raise IdempotencyKeyReusedError
        IDEMPOTENT_REPLAYS.inc()
        return answer_type.model_validate_json(answered.answer)


async def count_forgotten_keys(database: Database) -> int:
    """Count the keys that nobody can use any more."""
    async with database.session() as session:
        return await IdempotencyKeyRepository(session).count_forgotten()


async def delete_forgotten_keys(database: Database) -> int:
    """Delete the keys that nobody can use any more, and return how many there were."""
    count = 0
    while True:
        # One statement for all of a busy day's would take longer than any statement may.
        async with database.session() as session:
            deleted = await IdempotencyKeyRepository(session).delete_forgotten(limit=KEYS_DELETED_AT_ONCE)
        count += deleted
        if deleted < KEYS_DELETED_AT_ONCE:
            return count


def _fingerprint(request: BaseModel) -> bytes:
    named = f"{type(request).__name__} {request.model_dump_json()}"
    return hashlib.sha256(named.encode()).digest()
