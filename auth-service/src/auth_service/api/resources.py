"""What lives as long as the process, and how an endpoint gets at it."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.core.config import Settings
from auth_service.core.security import PasswordHashing
from auth_service.metrics import PASSWORD_HASH_JOBS, PASSWORD_HASH_THREADS
from auth_service.repositories.audit_events import AuditEventRepository
from auth_service.repositories.direct_sessions import DirectSessionRepository
from auth_service.repositories.outbox_events import OutboxEventRepository, OutboxNews
from auth_service.repositories.signing_keys import SigningKeyReader, SigningKeyRepository
from auth_service.schemas.devices import THIS_SERVICE, Device
from auth_service.services.audit import AuditTrail
from auth_service.services.background import BackgroundWork
from auth_service.services.event_feed import EventFeed
from auth_service.services.events import EventPublisher
from auth_service.services.key_rotation import KeyRotation, KeyTimes
from auth_service.services.key_sealing import KeySealing
from auth_service.services.login_queue import LoginQueue
from auth_service.services.mail import Mailer
from auth_service.services.rate_limits import RateLimits
from auth_service.services.session_count import SessionCount
from auth_service.services.signing_keys import SigningKeys
from auth_service.services.token_exchange import TokenExchange
from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.verification import ServiceTokenVerifier, TokenVerifier
from service_chassis.database import Database
from service_chassis.database_metrics import show_connections
from service_chassis.key_derivation import derive_key
from service_chassis.metrics import Gauges
from service_chassis.pagination import CursorSigner
from service_chassis.statement_pool import StatementPool

_MAXIMUM_MAIL_DECISIONS = 2


class Resources:
    """What lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)
        self.statement_pool = StatementPool(settings)
        self.password_hashing = PasswordHashing()
        self.login_queue = LoginQueue()
        self.rate_limits = RateLimits(settings.redis_url)
        self.throttle_key = derive_key(settings.secret_key[0], purpose="rate limits")
        self.background = BackgroundWork()
        # So that a flood of requests for mail leaves the connections to others.
        self.mail_decisions = asyncio.Semaphore(_MAXIMUM_MAIL_DECISIONS)
        self.mailer = Mailer(settings, self.background)
        self.cursors = CursorSigner(settings.secret_key)
        self.signing_keys = SigningKeys(
            database=self.database,
            reader=SigningKeyReader(self.statement_pool),
            sealing=KeySealing(settings.secret_key),
            times=KeyTimes.of(settings),
            new_rotation=partial(new_key_rotation, settings=settings, device=THIS_SERVICE),
        )
        self.token_exchange = TokenExchange(
            sessions=DirectSessionRepository(self.statement_pool), signing_keys=self.signing_keys, settings=settings
        )
        self.authenticator = TokenAuthenticator(
            verifier=TokenVerifier(issuer=settings.token_issuer, audience=settings.token_audience),
            keys=self.signing_keys,
        )
        self.service_authenticator = TokenAuthenticator(
            verifier=ServiceTokenVerifier(issuer=settings.token_issuer, audience=settings.service_token_audience),
            keys=self.signing_keys,
        )
        self.event_feed = EventFeed(self.database, news=OutboxNews(self.statement_pool))
        self.session_count = SessionCount(self.database)
        self.gauges = Gauges(
            partial(show_connections, self.database, self.statement_pool),
            self.signing_keys.read_gauges,
            self.event_feed.read_gauges,
            self.rate_limits.read_gauges,
            self._read_password_hashing,
        )

    async def start(self) -> None:
        """Begin what goes on in the background."""
        self.signing_keys.start()
        self.event_feed.start()
        self.session_count.start()
        self.gauges.start()

    async def close(self) -> None:
        """End every task and thread, and close every connection."""
        self.gauges.close()
        await self.session_count.close()
        await self.background.close()
        await self.signing_keys.close()
        await self.event_feed.close()
        self.password_hashing.close()
        await self.rate_limits.close()
        await self.statement_pool.close()
        await self.database.close()

    def _read_password_hashing(self) -> None:
        # Who waits for a turn to log in waits for a hash.
        queued = self.password_hashing.queued_count + self.login_queue.waiting_count
        PASSWORD_HASH_JOBS.labels("busy").set(self.password_hashing.busy_count)
        PASSWORD_HASH_JOBS.labels("queued").set(queued)
        PASSWORD_HASH_THREADS.set(self.password_hashing.threads)


def new_key_rotation(session: AsyncSession, *, settings: Settings, device: Device) -> KeyRotation:
    """Build what changes signing keys; no request does, so who asks is said here."""
    return KeyRotation(
        keys=SigningKeyRepository(session),
        sealing=KeySealing(settings.secret_key),
        times=KeyTimes.of(settings),
        algorithm=settings.algorithm,
        events=EventPublisher(OutboxEventRepository(session)),
        audit=AuditTrail(audit_events=AuditEventRepository(session), device=device),
    )


async def get_resources(request: Request) -> Resources:
    """Return what `create_app` built."""
    resources: Resources = request.app.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(get_resources)]
