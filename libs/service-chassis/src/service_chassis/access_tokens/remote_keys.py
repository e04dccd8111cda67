"""Keeps the keys that another service publishes, and goes on serving the last good ones while it is away."""

import asyncio
import time
from collections.abc import Mapping

import httpx
import structlog

from service_chassis.access_tokens.keys import MAXIMUM_KEY_SET_BYTES, VerificationKey, parse_key_set
from service_chassis.errors import VerificationKeysUnavailableError

REFRESH_SECONDS = 60.0
RETRY_SECONDS = 2.0
# An unknown key id may be a new key, so it triggers one fetch; strangers' ids must not trigger one each.
UNKNOWN_KEY_COOLDOWN_SECONDS = 10.0
FETCH_TIMEOUT_SECONDS = 2.0

logger = structlog.stdlib.get_logger(__name__)


class RemoteKeys:
    """The verification keys of an issuer, by key id, refreshed in the background."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(timeout=FETCH_TIMEOUT_SECONDS, follow_redirects=False)
        self._keys: Mapping[str, VerificationKey] = {}
        self._last_fetch_at = float("-inf")
        self._fetching = asyncio.Lock()
        self._refresher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to refresh in the background."""
        self._refresher = asyncio.create_task(self._refresh_forever(), name="refresh verification keys")

    async def close(self) -> None:
        """Stop refreshing and close the connections."""
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.gather(self._refresher, return_exceptions=True)
        await self._client.aclose()

    async def keys_for(self, key_id: str) -> Mapping[str, VerificationKey]:
        """Return the known keys, having looked once for an unknown one.

        Raises:
            VerificationKeysUnavailableError: no key set was ever received.
        """
        if key_id not in self._keys and not self._fetched_within(
            UNKNOWN_KEY_COOLDOWN_SECONDS if self._keys else RETRY_SECONDS
        ):
            await self._fetch_once()
        if not self._keys:
            raise VerificationKeysUnavailableError
        return self._keys

    def _fetched_within(self, seconds: float) -> bool:
        return time.monotonic() - self._last_fetch_at < seconds

    async def _refresh_forever(self) -> None:
        while True:
            await self._fetch_once()
            await asyncio.sleep(REFRESH_SECONDS if self._keys else RETRY_SECONDS)

    async def _fetch_once(self) -> None:
        """Fetch, unless somebody else just did: those who waited for a fetch share its result."""
        asked_at = time.monotonic()
        async with self._fetching:
            if self._last_fetch_at > asked_at:
                return
            try:
                async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                    self._keys = parse_key_set(await self._download())
            except (httpx.HTTPError, ValueError, TimeoutError) as error:
                # A bad set never replaces a good one.
                logger.warning(
                    "verification keys not refreshed", url=self._url, reason=str(error) or type(error).__name__
                )
            finally:
                self._last_fetch_at = time.monotonic()

    async def _download(self) -> bytes:
        async with self._client.stream("GET", self._url) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"answered with status {response.status_code}")
            document = b""
            async for chunk in response.aiter_bytes():
                document += chunk
                if len(document) > MAXIMUM_KEY_SET_BYTES:
                    break
            return document
