"""How signing keys come and go: published before they sign, and kept until their last token has expired."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from auth_service.core.config import Settings
from auth_service.core.security import SigningKeyPair
from auth_service.errors import SigningKeyNotFoundError, TooManySigningKeysError
from auth_service.models import AuditEventType, KeyState, OutboxEventType
from auth_service.repositories.signing_keys import SigningKeyRepository, StoredKey
from auth_service.services.audit import AuditTrail
from auth_service.services.events import EventPublisher
from auth_service.services.key_sealing import KeySealing, SealedWith
from auth_service.services.token_grants import SERVICE_TOKEN_LIFETIME
from service_chassis.access_tokens.keys import MAXIMUM_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTimes:
    """How long a key stays in each state."""

    publish_before_signing: timedelta
    token_lifetime: timedelta
    # Whoever signs has moved `published_until` on by this much, and does so again when half of it is used up.
    renewal: timedelta = timedelta(minutes=2)
    # A login that has its key may wait to be hashed, and clocks differ.
    margin: timedelta = timedelta(minutes=1)

    @classmethod
    def of(cls, settings: Settings) -> "KeyTimes":
        """Return the times of an installation."""
        return cls(
            publish_before_signing=timedelta(seconds=settings.signing_key_publish_seconds),
            token_lifetime=max(timedelta(minutes=settings.access_token_expire_minutes), SERVICE_TOKEN_LIFETIME),
        )


class ListedKey(NamedTuple):
    """A key, and whether it can be used without the older secrets."""

    stored: StoredKey
    sealed_with: SealedWith


class Replacement(NamedTuple):
    """Which key signs in the place of one that was dropped."""

    signing: StoredKey
    is_new: bool


class Rotation(NamedTuple):
    """What a rotation did; there is no new key when none was due."""

    new_key: StoredKey | None
    resealed: int
    deleted: int


class KeyRotation:
    """Changes the keys; a lock keeps processes that do so at once apart."""

    def __init__(
        self,
        *,
        keys: SigningKeyRepository,
        sealing: KeySealing,
        times: KeyTimes,
        algorithm: str,
        events: EventPublisher,
        audit: AuditTrail,
    ) -> None:
        self._keys = keys
        self._sealing = sealing
        self._times = times
        self._algorithm = algorithm
        self._events = events
        self._audit = audit

    async def list_keys(self) -> Sequence[ListedKey]:
        """Return every stored key, with the one that signs last first."""
        return [ListedKey(key, self._sealing.sealed_with(key.key)) for key in await self._keys.newest_first()]

    async def provide(self) -> None:
        """See to it that there is a key to sign with, and that the configured algorithm will have its turn."""
        spare = await self._lock_with_spare()
        stored = await self._keys.newest_first()
        if not await self._have_one_sign(stored, spare=spare) and self.is_algorithm_due(stored):
            await self._add(spare, signs_after=self._times.publish_before_signing)

    async def rotate(self, *, if_older_than: timedelta = timedelta()) -> Rotation:
        """Publish the next key unless it is published already; seal all with the first secret, delete what is gone.

        Raises:
            TooManySigningKeysError: verifiers would not take a larger key set.
        """
        spare = await self._lock_with_spare()
        deleted = await self._delete_gone()
        stored = await self._keys.newest_first()
        resealed = await self._reseal(stored)
        if not await self._have_one_sign(stored, spare=spare) and self._is_due(stored, if_older_than):
            if len(stored) >= MAXIMUM_KEYS:
                raise TooManySigningKeysError
            await self._add(spare, signs_after=self._times.publish_before_signing)
        new_key = next((key for key in await self._keys.newest_first() if key.key.id == spare.key_id), None)
        return Rotation(new_key, resealed, deleted)

    async def drop(self, key_id: UUID) -> Replacement:
        """Take a key from everybody at once; return which key signs from now on.

        Raises:
            SigningKeyNotFoundError: there is no such key.
        """
        spare = await self._lock_with_spare()
        # What is gone would come back for lack of a successor.
        await self._delete_gone()
        if not await self._keys.delete(key_id):
            raise SigningKeyNotFoundError
        await self._events.publish(OutboxEventType.SIGNING_KEY_DROPPED, key_id)
        await self._audit.record(AuditEventType.SIGNING_KEY_DROPPED, key_id=str(key_id))
        await self._have_one_sign(await self._keys.newest_first(), spare=spare)
        signing = next(key for key in await self._keys.newest_first() if self._may_sign(key))
        return Replacement(signing, is_new=signing.key.id == spare.key_id)

    def is_algorithm_due(self, stored: Sequence[StoredKey]) -> bool:
        """Say whether the setting names another algorithm than the keys that sign and will sign."""
        return bool(stored) and not _one_waits(stored) and stored[0].key.algorithm != self._algorithm

    def _is_due(self, stored: Sequence[StoredKey], if_older_than: timedelta) -> bool:
        age = stored[0].read_at - stored[0].key.created_at
        return self.is_algorithm_due(stored) or (not _one_waits(stored) and age >= if_older_than)

    async def _lock_with_spare(self) -> SigningKeyPair:
        # An RSA key takes up to a second to make: nobody shall wait for that with the lock taken, or the loop.
        spare = await asyncio.to_thread(SigningKeyPair.generate, self._algorithm)
        await self._keys.lock()
        return spare

    async def _have_one_sign(self, stored: Sequence[StoredKey], *, spare: SigningKeyPair) -> bool:
        """Say whether the keys had to be changed for one to sign: the next in line, else the spare one."""
        if any(map(self._may_sign, stored)):
            return False
        waiting = [key for key in stored if key.state is KeyState.PUBLISHED and self._sealing.unseal(key.key)]
        if waiting:
            await self._keys.sign_at_once(waiting[-1].key.id)
        else:
            await self._add(spare, signs_after=timedelta())
        return True

    def _may_sign(self, stored: StoredKey) -> bool:
        return stored.may_sign and self._sealing.unseal(stored.key) is not None

    async def _add(self, pair: SigningKeyPair, *, signs_after: timedelta) -> None:
        await self._keys.add(
            key_id=pair.key_id,
            algorithm=pair.algorithm,
            public_jwk=pair.public_jwk(),
            sealed_private_key=self._sealing.seal(pair),
            signs_after=signs_after,
        )
        await self._audit.record(
            AuditEventType.SIGNING_KEY_CREATED,
            key_id=str(pair.key_id),
            algorithm=pair.algorithm,
            signs_after_seconds=int(signs_after.total_seconds()),
        )

    async def _reseal(self, stored: Sequence[StoredKey]) -> int:
        older = [key.key for key in stored if self._sealing.sealed_with(key.key) is SealedWith.OLDER]
        pairs = [pair for key in older if (pair := self._sealing.unseal(key)) is not None]
        for pair in pairs:
            await self._keys.reseal(pair.key_id, self._sealing.seal(pair))
        return len(pairs)

    async def _delete_gone(self) -> int:
        stored = await self._keys.newest_first()
        return await self._keys.delete_gone([key.key.id for key in stored if key.state is KeyState.GONE])


def _one_waits(stored: Sequence[StoredKey]) -> bool:
    return any(key.state is KeyState.PUBLISHED for key in stored)
