"""Tells other services what they have to know: CloudEvents, read with a long poll. The gateway has no route to it."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from auth_service.api.feed_dependencies import EventFeedDep
from auth_service.api.resources import ResourcesDep
from auth_service.schemas.events import BATCH_MEDIA_TYPE, EventQuery, event_batch

router = APIRouter(prefix="/internal/events", include_in_schema=False)


@router.get("")
async def get_events(query: Annotated[EventQuery, Query()], feed: EventFeedDep, resources: ResourcesDep) -> Response:
    """Return the events after a cursor, or wait for the first one; without a cursor, everything that is kept."""
    events = await feed.read(query.position, wait_seconds=query.wait)
    batch = event_batch(events, source=resources.settings.token_issuer)
    return Response(batch, headers={"Cache-Control": "no-store"}, media_type=BATCH_MEDIA_TYPE)
