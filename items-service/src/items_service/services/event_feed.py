"""Reads auth-service's events over HTTP, as the machine client that this service is there."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import SecretStr, ValidationError

from items_service.schemas.events import EVENT_BATCH, Event, ServiceTokenAnswer
from service_chassis.certificates import trusted_certificates
from service_chassis.tracing.client_requests import traced_stream

MAXIMUM_ANSWER_BYTES = 1024 * 1024
# How long auth-service shall wait for an event, and how much longer its answer may take.
WAIT_SECONDS = 3
ANSWER_SECONDS = 2.0
# A token is replaced this long before it expires, or after half its life if that is shorter.
RENEWAL_SECONDS = 30.0


class EventFeedError(Exception):
    """auth-service is away, or answers what is no event; trying again later may help."""


class CursorTooOldError(EventFeedError):
    """auth-service does not keep what followed the cursor; reading from the beginning tells what matters now."""


class EventFeed:
    """The events after a cursor."""

    def __init__(
        self,
        *,
        events_url: str,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        wait_seconds: int = WAIT_SECONDS,
    ) -> None:
        self._events_url = events_url
        self._token_url = token_url
        self._credentials = (client_id, client_secret)
        self._token: str | None = None
        self._token_renewed_at = 0.0
        # What was compressed can be a thousand times as large as what was received.
        headers = {"Accept-Encoding": "identity"}
        self._wait_seconds = wait_seconds
        self._timeout_seconds = wait_seconds + ANSWER_SECONDS
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=self._timeout_seconds,
            follow_redirects=False,
            verify=trusted_certificates(events_url),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def read(self, cursor: str | None) -> Sequence[Event]:
        """Return the next events; wait a little for the first, and return none when none came.

        Raises:
            CursorTooOldError: the cursor can't be gone on from.
            EventFeedError: there was no such answer.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._read(cursor)
        except TimeoutError:
            raise EventFeedError("no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EventFeedError(str(error) or type(error).__name__) from None
        except ValidationError as error:
            raise EventFeedError(f"not events: {error.error_count()} errors") from None

    async def _read(self, cursor: str | None) -> Sequence[Event]:
        parameters = {"wait": str(self._wait_seconds)} | ({} if cursor is None else {"after": cursor})
        status, body = await self._get_events(parameters)
        if status == httpx.codes.UNAUTHORIZED:
            # The token may have been ended early; a second refusal is for the next attempt.
            self._token = None
            status, body = await self._get_events(parameters)
        if status == httpx.codes.GONE:
            raise CursorTooOldError("the cursor is too old")
        if status != httpx.codes.OK:
            raise EventFeedError(f"answered with status {status}")
        return EVENT_BATCH.validate_json(body)

    async def _get_events(self, parameters: dict[str, str]) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {await self._fresh_token()}"}
        return await self._exchange("GET", self._events_url, params=parameters, headers=headers)

    async def _fresh_token(self) -> str:
        if self._token is None or time.monotonic() >= self._token_renewed_at:
            client_id, client_secret = self._credentials
            status, body = await self._exchange(
                "POST",
                self._token_url,
                data={"grant_type": "client_credentials", "scope": "events:read"},
                auth=(client_id, client_secret.get_secret_value()),
            )
            if status != httpx.codes.OK:
                raise EventFeedError(f"no token: answered with status {status}")
            answer = ServiceTokenAnswer.model_validate_json(body)
            self._token = answer.access_token
            seconds = answer.expires_in
            self._token_renewed_at = time.monotonic() + max(seconds - RENEWAL_SECONDS, seconds / 2)
        return self._token

    async def _exchange(self, method: str, url: str, **options: Any) -> tuple[int, bytes]:  # httpx's own
        """Return status and body of an answer that is no larger than expected."""
        async with traced_stream(self._client, method, url=url, **options) as response:
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAXIMUM_ANSWER_BYTES:
                    raise EventFeedError(f"an answer of more than {MAXIMUM_ANSWER_BYTES} bytes")
            return response.status_code, body
