"""Wiring of the event feed."""

from typing import Annotated

from fastapi import Depends, Security

from auth_service.api.resources import ResourcesDep
from auth_service.services.event_feed import EventFeed
from service_chassis.access_tokens.claims import ServiceToken
from service_chassis.dependencies import get_service_token

EventReader = Annotated[ServiceToken, Security(get_service_token, scopes=["events:read"])]


async def get_event_feed(_: EventReader, resources: ResourcesDep) -> EventFeed:
    """Return the feed, for a machine client that may read it; it holds no connection while such a client waits."""
    return resources.event_feed


EventFeedDep = Annotated[EventFeed, Depends(get_event_feed)]
