"""What auth-service's events mean for this service."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from items_service.models import NO_RIGHTS_VERSION_IS_ENOUGH, Denial, DenialKind
from items_service.schemas.events import Event, Rights
from service_chassis.access_tokens.claims import MAXIMUM_ACCESS_TOKEN_LIFETIME

USER_DELETED = "user.deleted"
# Clocks of two machines differ, and a denial must not end before its token.
CLOCK_MARGIN = timedelta(minutes=1)

logger = structlog.stdlib.get_logger(__name__)


def denial_of(event: Event) -> Denial | None:
    """Return what an event denies; None if that has expired, or if the event is none of those that deny."""
    describe = _DENIALS.get(event.type)
    denied_until = event.time + MAXIMUM_ACCESS_TOKEN_LIFETIME + CLOCK_MARGIN
    if describe is None or denied_until <= datetime.now(UTC):
        return None
    try:
        kind, minimum_rights_version = describe(event)
        return Denial(
            kind=kind,
            subject=UUID(event.subject),
            minimum_rights_version=minimum_rights_version,
            denied_until=denied_until,
        )
    except ValueError:
        # Everything after it would wait for ever, were it tried again.
        logger.exception("an event that can't be understood was left out", event_id=event.id, event_type=event.type)
        return None


def deleted_owner_of(event: Event) -> UUID | None:
    """Return whom an event tells to be deleted, if it tells that."""
    try:
        return UUID(event.subject) if event.type == USER_DELETED else None
    except ValueError:
        return None


def _rights_of(event: Event) -> tuple[DenialKind, int]:
    return DenialKind.USER, Rights.model_validate(event.data).rights_version


_DENIALS: dict[str, Callable[[Event], tuple[DenialKind, int]]] = {
    "session.revoked": lambda _: (DenialKind.SESSION, 0),
    "user.deactivated": _rights_of,
    "user.rights_changed": _rights_of,
    USER_DELETED: lambda _: (DenialKind.USER, NO_RIGHTS_VERSION_IS_ENOUGH),
    "signing_key.dropped": lambda _: (DenialKind.KEY, 0),
}
