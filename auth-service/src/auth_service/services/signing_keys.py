"""The signing keys as this process knows them: at most a second behind the database, without a query per request."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.core.security import SigningKeyPair
from auth_service.metrics import SIGNING_KEY_AGE, SIGNING_KEYS
from auth_service.models import KeyState
from auth_service.repositories.signing_keys import SigningKeyReader, SigningKeyRepository, StoredKey
from auth_service.services.key_rotation import KeyRotation, KeyTimes
from auth_service.services.key_sealing import KeySealing, UnsealedKeys
from service_chassis.access_tokens.keys import VerificationKey, parse_key_set
from service_chassis.database import Database
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.metrics import UNKNOWN

# How long a replica may go without seeing that another process changed the keys.
READ_EVERY_SECONDS = 1.0
# Strangers' key ids cause no more readings than this allows.
SECONDS_BETWEEN_READINGS = 0.1
# Two readings of a database that hangs may be waited for, and the client has to be told within two seconds.
PATIENCE_SECONDS = 1.5

logger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _KnownKeys:
    """What a reading gave; the key was made, and may sign until, when the monotonic clock says so."""

    signing_key: SigningKeyPair
    may_sign_until: float
    made_at: float
    counts: Mapping[KeyState, int]
    key_set: bytes
    verification_keys: Mapping[str, VerificationKey]

    @property
    def may_sign(self) -> bool:
        return time.monotonic() < self.may_sign_until


class SigningKeys:
    """Signs with the newest key that may sign and publishes all that are not gone; provides the first key itself."""

    def __init__(
        self,
        *,
        database: Database,
        reader: SigningKeyReader,
        sealing: KeySealing,
        times: KeyTimes,
        new_rotation: Callable[[AsyncSession], KeyRotation],
        read_every_seconds: float = READ_EVERY_SECONDS,
    ) -> None:
        self._database = database
        self._reader = reader
        self._unsealed = UnsealedKeys(sealing)
        self._times = times
        self._new_rotation = new_rotation
        self._read_every_seconds = read_every_seconds
        self._known: _KnownKeys | None = None
        self._read_at = float("-inf")
        self._reading: asyncio.Task[_KnownKeys] | None = None
        self._next_reading: asyncio.Task[_KnownKeys] | None = None
        self._follower: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow what any process does with the keys, in the background."""
        self._follower = asyncio.create_task(self._follow(), name="follow signing keys")

    async def close(self) -> None:
        """Stop following."""
        tasks = [task for task in (self._follower, self._reading, self._next_reading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def read_gauges(self) -> None:
        """Show how many keys there are, and how old the one is that signs."""
        known = self._known
        SIGNING_KEY_AGE.set(UNKNOWN if known is None else time.monotonic() - known.made_at)
        for state in KeyState:
            SIGNING_KEYS.labels(state.value).set(UNKNOWN if known is None else known.counts.get(state, 0))

    async def signing_key(self) -> SigningKeyPair:
        """Return the key to sign with now; it stays published for as long as what it signs is valid.

        Raises:
            DatabaseUnavailableError: nobody can say any more which key that is.
        """
        known = await self._keys()
        if not known.may_sign:
            known = await self._read_anew()
        if not known.may_sign:
            raise DatabaseUnavailableError
        return known.signing_key

    async def key_set(self) -> bytes:
        """Return the published JSON Web Key Set."""
        return (await self._keys()).key_set

    @property
    def known_keys(self) -> Mapping[str, VerificationKey]:
        """The verification keys of the last reading, by id."""
        return self._known.verification_keys if self._known is not None else {}

    async def keys_for(self, key_id: str) -> Mapping[str, VerificationKey]:
        """Return the verification keys; an unknown id is looked for in the database first.

        Raises:
            DatabaseUnavailableError: the key may be another replica's new one, and nobody can say.
        """
        keys = (await self._keys()).verification_keys
        return keys if key_id in keys else (await self._read_anew()).verification_keys

    async def _keys(self) -> _KnownKeys:
        if self._known is not None:
            return self._known
        if self._reading is not None and not self._reading.done():
            return await _share(self._reading)
        return await self._read_anew()

    async def _read_anew(self) -> _KnownKeys:
        """Return what the database says after this moment; all who wait for that share one reading."""
        if self._next_reading is None:
            self._next_reading = asyncio.create_task(self._read(after=self._reading), name="read signing keys")
        return await _share(self._next_reading)

    async def _read(self, *, after: asyncio.Task[_KnownKeys] | None) -> _KnownKeys:
        if after is not None:
            await asyncio.wait([after])
        await asyncio.sleep(self._read_at + SECONDS_BETWEEN_READINGS - time.monotonic())
        # Whoever asks from here on needs the next one.
        self._reading, self._next_reading = self._next_reading, None
        self._read_at = time.monotonic()
        self._known = await self._load()
        return self._known

    async def _follow(self) -> None:
        prepared = failing = False
        while True:
            try:
                await self._read_anew()
                if not prepared:
                    await self._prepare_algorithm()
                prepared, failing = True, False
            except Exception:
                if not failing:
                    logger.exception("signing keys not read; the last known serve on")
                failing = True
            await asyncio.sleep(self._read_every_seconds)

    async def _prepare_algorithm(self) -> None:
        """Publish a key for an algorithm that was set before this start; the keys at hand sign meanwhile."""
        async with self._database.session() as session:
            rotation = self._new_rotation(session)
            if rotation.is_algorithm_due(await SigningKeyRepository(session).newest_first()):
                await rotation.provide()

    async def _load(self) -> _KnownKeys:
        read_at = time.monotonic()
        stored = await self._reader.newest_first()
        if self._find_usable(stored) is None:
            async with self._database.session() as session:
                await self._new_rotation(session).provide()
            stored = await self._reader.newest_first()
        usable = self._find_usable(stored)
        if usable is None:
            # It was dropped in the meantime; the next reading provides another.
            raise DatabaseUnavailableError
        signing, pair = usable
        key_set, verification_keys = self._publish(stored)
        return _KnownKeys(
            signing_key=pair,
            may_sign_until=await self._promise(signing, read_at=read_at),
            made_at=read_at - (signing.read_at - signing.key.created_at).total_seconds(),
            counts=Counter(key.state for key in stored),
            key_set=key_set,
            verification_keys=verification_keys,
        )

    def _find_usable(self, stored: Sequence[StoredKey]) -> tuple[StoredKey, SigningKeyPair] | None:
        self._unsealed.update([key.key for key in stored])
        for key in stored:
            pair = self._unsealed.find(key.key.id) if key.may_sign else None
            if pair is not None:
                return key, pair
        return None

    def _publish(self, stored: Sequence[StoredKey]) -> tuple[bytes, Mapping[str, VerificationKey]]:
        key_set = to_json({"keys": [key.key.public_jwk for key in stored if key.state is not KeyState.GONE]})
        # What is remembered of verified tokens hangs on the very keys.
        if self._known is not None and self._known.key_set == key_set:
            return key_set, self._known.verification_keys
        return key_set, parse_key_set(key_set)

    async def _promise(self, signing: StoredKey, *, read_at: float) -> float:
        """Return until when this process may sign: what it signs then expires while the key is still published."""
        needed = self._times.token_lifetime + self._times.margin
        left = signing.key.published_until - signing.read_at - needed
        if left >= self._times.renewal / 2:
            return read_at + left.total_seconds()
        try:
            async with self._database.session() as session:
                keys = SigningKeyRepository(session)
                kept = await keys.keep_published(signing.key.id, at_least=needed + self._times.renewal)
        except DatabaseUnavailableError:
            # Verifying and publishing go on; a server that only reads, after a fail-over, is enough for that.
            return read_at + left.total_seconds()
        return read_at + self._times.renewal.total_seconds() if kept else float("-inf")


async def _share(reading: "asyncio.Task[_KnownKeys]") -> _KnownKeys:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Many wait for it, so a client that hangs up must not cancel it.
            return await asyncio.shield(reading)
    except TimeoutError:
        raise DatabaseUnavailableError from None
