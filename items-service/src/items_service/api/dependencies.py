"""The only wiring file: who builds which object, and what an endpoint may ask for."""

from functools import partial
from typing import Annotated

import structlog
from fastapi import Depends, Header, Request, Security

from items_service.core.config import Settings
from items_service.core.database import SCHEMA_REVISION
from items_service.repositories.deleted_owners import DeletedOwnerRepository, UnfinishedOwners
from items_service.repositories.denials import DenialNews
from items_service.repositories.direct_items import DirectItemRepository
from items_service.repositories.idempotency_keys import IdempotencyKeyRepository
from items_service.repositories.items import ItemRepository
from items_service.services.deleted_owners import Sweeper
from items_service.services.denylist import Denylist
from items_service.services.event_feed import EventFeed
from items_service.services.feed_follower import FeedFollower
from items_service.services.idempotency import IdempotencyService
from items_service.services.items import ItemService
from items_service.services.trusted_keys import KeptKeySet
from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.access_tokens.remote_keys import RemoteKeys
from service_chassis.access_tokens.verification import TokenVerifier
from service_chassis.database import Database
from service_chassis.database_metrics import show_connections
from service_chassis.dependencies import SessionDep, get_access_token
from service_chassis.health import Readiness
from service_chassis.metrics import Gauges
from service_chassis.pagination import CursorSigner
from service_chassis.statement_pool import StatementPool
from service_chassis.transactions import call_on_commit

logger = structlog.stdlib.get_logger(__name__)


class Resources:
    """What lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)
        self.statement_pool = StatementPool(settings)
        self.direct_items = DirectItemRepository(self.statement_pool)
        self.cursors = CursorSigner(settings.secret_key)
        self.verification_keys = RemoteKeys(settings.key_set_url, store=KeptKeySet(self.database))
        self.denylist = Denylist(
            self.database, news=DenialNews(self.statement_pool), forget_key=self.verification_keys.forget
        )
        self.feed_follower = _feed_follower(settings, self.database)
        self.sweeper = Sweeper(self.database, unfinished=UnfinishedOwners(self.statement_pool))
        self.authenticator = TokenAuthenticator(
            verifier=TokenVerifier(issuer=settings.token_issuer, audience=settings.token_audience),
            keys=self.verification_keys,
            denylist=self.denylist,
        )
        self.readiness = Readiness(
            database=self.database,
            schema_revision=SCHEMA_REVISION,
            loaded={"denylist": lambda: self.denylist.is_loaded},
        )
        self.gauges = Gauges(
            partial(show_connections, self.database, self.statement_pool),
            self.verification_keys.read_gauges,
            self.denylist.read_gauges,
        )

    async def start(self) -> None:
        """Begin what goes on in the background."""
        await self.verification_keys.start()
        await self.denylist.start()
        self.sweeper.start()
        self.gauges.start()
        if self.feed_follower is None:
            logger.warning("ended sessions are not heard of: FEED_CLIENT_ID and FEED_CLIENT_SECRET are not set")
        else:
            self.feed_follower.start()

    async def close(self) -> None:
        """End every task and close every connection."""
        self.gauges.close()
        if self.feed_follower is not None:
            await self.feed_follower.close()
        await self.sweeper.close()
        await self.denylist.close()
        await self.verification_keys.close()
        await self.statement_pool.close()
        await self.database.close()


def _feed_follower(settings: Settings, database: Database) -> FeedFollower | None:
    if settings.feed_client_id is None or settings.feed_client_secret is None:
        return None
    feed = EventFeed(
        events_url=settings.events_url,
        token_url=settings.token_url,
        client_id=settings.feed_client_id,
        client_secret=settings.feed_client_secret,
    )
    return FeedFollower(database=database, feed=feed)


async def get_resources(request: Request) -> Resources:
    """Return what `create_app` built."""
    resources: Resources = request.app.state.resources
    return resources


def _item_service(token: AccessToken, session: SessionDep, resources: Resources) -> ItemService:
    return ItemService(
        items=ItemRepository(session),
        deleted_owners=DeletedOwnerRepository(session),
        cursors=resources.cursors,
        caller=token,
        call_on_commit=partial(call_on_commit, session),
    )


ResourcesDep = Annotated[Resources, Depends(get_resources)]
ReadTokenDep = Annotated[AccessToken, Security(get_access_token, scopes=["items:read"])]
WriteTokenDep = Annotated[AccessToken, Security(get_access_token, scopes=["items:write"])]


async def get_readable_items(token: ReadTokenDep, session: SessionDep, resources: ResourcesDep) -> ItemService:
    """Build the caller's items for reading."""
    return _item_service(token, session, resources)


async def get_writable_items(token: WriteTokenDep, session: SessionDep, resources: ResourcesDep) -> ItemService:
    """Build the caller's items for changing."""
    return _item_service(token, session, resources)


async def get_idempotency(
    token: WriteTokenDep,
    session: SessionDep,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="A retry with the same key and body gets the same answer and creates nothing again.",
        ),
    ] = None,
) -> IdempotencyService:
    """Build what answers a repeated request like the first."""
    return IdempotencyService(keys=IdempotencyKeyRepository(session), owner_id=token.subject, key=idempotency_key)


ReadableItems = Annotated[ItemService, Depends(get_readable_items)]
WritableItems = Annotated[ItemService, Depends(get_writable_items)]
Idempotency = Annotated[IdempotencyService, Depends(get_idempotency)]
