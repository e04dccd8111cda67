"""The keys that access tokens are signed with, shared by all replicas through the database."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from pydantic_core import to_json

from auth_service.core.config import Settings
from auth_service.core.security import SigningKeyPair, WrongKeyError, seal, unseal
from auth_service.models import SigningKey
from auth_service.repositories.signing_keys import SigningKeyRepository
from service_chassis.access_tokens.keys import VerificationKey, parse_key_set
from service_chassis.database import Database
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.key_derivation import derive_key

# How long a replica may go without seeing a key that another one made or dropped.
RELOAD_SECONDS = 30.0
# An unknown key id may be another replica's new key; strangers' ids must not cost a query each.
UNKNOWN_KEY_COOLDOWN_SECONDS = 1.0
# While the database is away, the keys at hand serve on; requests neither wait for it nor ask it more often than this.
RELOAD_PATIENCE_SECONDS = 0.1
RETRY_SECONDS = 1.0

logger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _LoadedKeys:
    signing_key: SigningKeyPair
    key_set: bytes
    verification_keys: Mapping[str, VerificationKey]
    loaded_at: float = field(default_factory=time.monotonic)

    def is_younger_than(self, seconds: float) -> bool:
        return time.monotonic() - self.loaded_at < seconds


class SigningKeys:
    """Signs with the newest key and publishes all of them; makes the first key itself."""

    def __init__(self, *, database: Database, settings: Settings, reload_seconds: float = RELOAD_SECONDS) -> None:
        self._database = database
        self._reload_seconds = reload_seconds
        self._algorithm = settings.algorithm
        self._sealing_keys = [derive_key(secret, purpose="signing keys") for secret in settings.secret_key]
        self._loaded: _LoadedKeys | None = None
        self._reloading: asyncio.Task[_LoadedKeys] | None = None

    async def signing_key(self) -> SigningKeyPair:
        """Return the key to sign with now."""
        return (await self._keys()).signing_key

    async def key_set(self) -> bytes:
        """Return the published JSON Web Key Set."""
        return (await self._keys()).key_set

    async def keys_for(self, key_id: str) -> Mapping[str, VerificationKey]:
        """Return the verification keys; an unknown id is looked for in the database first."""
        keys = await self._keys()
        if key_id not in keys.verification_keys and not keys.is_younger_than(UNKNOWN_KEY_COOLDOWN_SECONDS):
            keys = await self._join_reload()
        return keys.verification_keys

    async def _keys(self) -> _LoadedKeys:
        loaded = self._loaded
        if loaded is None:
            return await self._join_reload()
        if loaded.is_younger_than(self._reload_seconds):
            return loaded
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._join_reload(), RELOAD_PATIENCE_SECONDS)
        return loaded

    async def _join_reload(self) -> _LoadedKeys:
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._reload())
        # Many wait for one reload, so a client that hangs up must not cancel it.
        return await asyncio.shield(self._reloading)

    async def _reload(self) -> _LoadedKeys:
        try:
            self._loaded = await self._load()
        except DatabaseUnavailableError:
            if self._loaded is None:
                raise
            self._loaded = replace(self._loaded, loaded_at=time.monotonic() - self._reload_seconds + RETRY_SECONDS)
        return self._loaded

    async def _load(self) -> _LoadedKeys:
        async with self._database.session() as session:
            repository = SigningKeyRepository(session)
            keys = await repository.newest_first()
            signing_key = self._newest_usable(keys)
            if signing_key is None:
                await repository.lock_creation()
                keys = await repository.newest_first()
                signing_key = self._newest_usable(keys) or await self._create(repository)
                keys = await repository.newest_first()
        key_set = to_json({"keys": [key.public_jwk for key in keys]})
        return _LoadedKeys(signing_key, key_set, parse_key_set(key_set))

    def _newest_usable(self, keys: Sequence[SigningKey]) -> SigningKeyPair | None:
        unsealed = (self._unseal(key) for key in keys if key.algorithm == self._algorithm)
        return next((key for key in unsealed if key is not None), None)

    def _unseal(self, key: SigningKey) -> SigningKeyPair | None:
        for sealing_key in self._sealing_keys:
            try:
                der = unseal(key.sealed_private_key, key=sealing_key)
            except WrongKeyError:
                continue
            return SigningKeyPair.from_der(der, key_id=key.id, algorithm=key.algorithm)
        logger.error("signing key can't be decrypted: SECRET_KEY lacks the key it was made with", key_id=str(key.id))
        return None

    async def _create(self, repository: SigningKeyRepository) -> SigningKeyPair:
        key = SigningKeyPair.generate(self._algorithm)
        sealed = seal(key.to_der(), key=self._sealing_keys[0])
        await repository.add(
            key_id=key.key_id, algorithm=key.algorithm, public_jwk=key.public_jwk(), sealed_private_key=sealed
        )
        logger.info("signing key created", key_id=str(key.key_id), algorithm=key.algorithm)
        return key
