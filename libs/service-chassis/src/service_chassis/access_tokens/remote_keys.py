"""Keeps the keys that another service publishes, and goes on serving the last good ones while it is away."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Protocol

import httpx
import structlog
from prometheus_client import Gauge

from service_chassis.access_tokens.keys import MAXIMUM_KEY_SET_BYTES, VerificationKey, parse_key_set, without_keys
from service_chassis.certificates import trusted_certificates
from service_chassis.errors import VerificationKeysUnavailableError
from service_chassis.metrics import labelled_counter
from service_chassis.tracing.client_requests import traced_stream

REFRESH_SECONDS = 60.0
# While there are none, or a forgotten one is still published: soon, then less and less often.
RETRY_SECONDS = 0.25
MAXIMUM_RETRY_SECONDS = 8.0
# An unknown key id may be a new key, so it triggers one fetch; strangers' ids must not trigger one each.
UNKNOWN_KEY_COOLDOWN_SECONDS = 10.0
FETCH_TIMEOUT_SECONDS = 2.0

_KEYS = Gauge("tandem_verification_keys", "How many keys verify access tokens.", multiprocess_mode="livemin")
_AGE = Gauge(
    "tandem_verification_keys_age_seconds",
    "How long ago the keys were fetched, or for how long they could not be since the start.",
    multiprocess_mode="livemax",
)
_FETCHES = labelled_counter(
    "tandem_verification_key_fetches_total", "How often keys were fetched.", outcome=["succeeded", "failed"]
)

logger = structlog.stdlib.get_logger(__name__)


class KeySetStore(Protocol):
    """Where a service keeps the last good key set, to start with it while the issuer is away."""

    async def load(self) -> bytes | None:
        """Return the document that was kept last, None before the first."""

    async def save(self, document: bytes) -> None:
        """Keep this document in the place of the one before."""


class RemoteKeys:
    """The verification keys of an issuer, by key id, refreshed in the background."""

    def __init__(
        self,
        url: str,
        *,
        store: KeySetStore | None = None,
        refresh_seconds: float = REFRESH_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        unknown_key_cooldown_seconds: float = UNKNOWN_KEY_COOLDOWN_SECONDS,
        fetch_timeout_seconds: float = FETCH_TIMEOUT_SECONDS,
    ) -> None:
        self._url = url
        self._store = store
        self._stored: bytes | None = None
        self._refresh_seconds = refresh_seconds
        self._retry_seconds = retry_seconds
        self._unknown_key_cooldown_seconds = unknown_key_cooldown_seconds
        self._fetch_timeout_seconds = fetch_timeout_seconds
        # What was compressed can be a thousand times as large as what was received.
        headers = {"Accept-Encoding": "identity"}
        self._client = httpx.AsyncClient(
            headers=headers, timeout=fetch_timeout_seconds, follow_redirects=False, verify=trusted_certificates(url)
        )
        self._keys: Mapping[str, VerificationKey] = {}
        self._received: tuple[bytes | None, Mapping[str, VerificationKey]] = (None, {})
        # Ids are never used again, and keys are rarely dropped.
        self._forgotten: set[str] = set()
        self._issuer_is_behind = False
        self._hurry = asyncio.Event()
        self._last_fetch_at = float("-inf")
        self._last_success_at = time.monotonic()
        self._fetch: asyncio.Task[None] | None = None
        self._refresher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with the stored keys, and refresh them in the background."""
        await self._load_stored()
        self._refresher = asyncio.create_task(self._refresh_forever(), name="refresh verification keys")

    async def close(self) -> None:
        """Stop refreshing and close the connections."""
        tasks = [task for task in (self._refresher, self._fetch) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    @property
    def known_keys(self) -> Mapping[str, VerificationKey]:
        """The keys known now, by id."""
        return self._keys

    async def keys_for(self, key_id: str) -> Mapping[str, VerificationKey]:
        """Return the known keys, having looked once for an unknown one.

        Raises:
            VerificationKeysUnavailableError: no key set was ever received.
        """
        if key_id in self._forgotten:
            return self._keys
        cooldown_seconds = self._unknown_key_cooldown_seconds if self._is_settled else self._retry_seconds
        if key_id not in self._keys and time.monotonic() - self._last_fetch_at >= cooldown_seconds:
            await self._fetch_once()
        if not self._keys:
            raise VerificationKeysUnavailableError
        return self._keys

    async def forget(self, key_id: str) -> None:
        """Refuse a key that its issuer dropped, from now on and whatever set it is in, and look for its successor.

        Each process needs telling, one that starts later too: the stored set may be older than the drop.
        """
        self._forgotten.add(key_id)
        self._keys = self._without_forgotten(self._keys)
        self._issuer_is_behind = True
        self._hurry.set()
        if self._stored is not None:
            await self._keep(without_keys(self._stored, self._forgotten))

    def read_gauges(self) -> None:
        """Show how many keys there are, and how old they are."""
        _KEYS.set(len(self._keys))
        _AGE.set(time.monotonic() - self._last_success_at)

    @property
    def _is_settled(self) -> bool:
        return bool(self._keys) and not self._issuer_is_behind

    def _without_forgotten(self, keys: Mapping[str, VerificationKey]) -> Mapping[str, VerificationKey]:
        return {key_id: key for key_id, key in keys.items() if key_id not in self._forgotten}

    async def _refresh_forever(self) -> None:
        retry_seconds = self._retry_seconds
        while True:
            self._hurry.clear()
            await self._fetch_once()
            if self._is_settled:
                retry_seconds = self._retry_seconds
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._refresh_seconds if self._is_settled else retry_seconds):
                    await self._hurry.wait()
            retry_seconds = min(2 * retry_seconds, MAXIMUM_RETRY_SECONDS)

    async def _fetch_once(self) -> None:
        """Fetch, or wait for the fetch that is under way; it goes on when whoever asked for it has hung up."""
        if self._fetch is None or self._fetch.done():
            self._fetch = asyncio.create_task(self._fetch_keys(), name="fetch verification keys")
        await asyncio.shield(self._fetch)

    async def _fetch_keys(self) -> None:
        try:
            async with asyncio.timeout(self._fetch_timeout_seconds):
                document = await self._download()
            self._adopt(self._parse(document))
            self._last_success_at = time.monotonic()
            _FETCHES.labels("succeeded").inc()
            await self._keep(without_keys(document, self._forgotten))
        except (httpx.HTTPError, ValueError, TimeoutError) as error:
            # A bad set never replaces a good one.
            _FETCHES.labels("failed").inc()
            logger.warning("verification keys not refreshed", url=self._url, reason=str(error) or type(error).__name__)
        finally:
            self._last_fetch_at = time.monotonic()

    def _parse(self, document: bytes) -> Mapping[str, VerificationKey]:
        # What is remembered of verified tokens hangs on the very keys.
        if document != self._received[0]:
            self._received = document, parse_key_set(document)
        return self._received[1]

    def _adopt(self, keys: Mapping[str, VerificationKey]) -> None:
        self._issuer_is_behind = not self._forgotten.isdisjoint(keys)
        self._keys = self._without_forgotten(keys)

    async def _load_stored(self) -> None:
        try:
            document = await self._store.load() if self._store is not None else None
            if document is not None:
                self._keys = self._without_forgotten(parse_key_set(document))
                self._stored = document
        except Exception:
            # The issuer has the same keys and better ones; a missing table makes the service unready by other means.
            logger.exception("stored verification keys not loaded")

    async def _keep(self, document: bytes) -> None:
        if self._store is None or document == self._stored:
            return
        try:
            await self._store.save(document)
            self._stored = document
        except Exception:
            # The next refresh tries again; until then only a restart without the issuer would miss it.
            logger.exception("verification keys not stored")

    async def _download(self) -> bytes:
        async with traced_stream(self._client, "GET", url=self._url) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"answered with status {response.status_code}")
            document = b""
            async for chunk in response.aiter_raw():
                document += chunk
                if len(document) > MAXIMUM_KEY_SET_BYTES:
                    break
            return document
