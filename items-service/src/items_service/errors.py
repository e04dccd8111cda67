"""Every expected failure of this service."""

from typing import ClassVar

from service_chassis.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
    UnprocessableError,
)


class ItemNotFoundError(NotFoundError):
    """No such item, or it is somebody else's: the two look the same."""

    code = "item_not_found"
    detail = "You have no item with this id."


class StaleItemError(PreconditionFailedError):
    """The item is not at the version that `If-Match` names."""

    code = "stale_item"
    detail = "The item has changed since you read it; read it again and repeat your change."


class ForeignOwnerError(ForbiddenError):
    """Only superusers may ask for somebody else's list."""

    code = "foreign_owner"
    detail = "Only superusers may pass the owner_id of somebody else."


class IdempotencyKeyInFlightError(ConflictError):
    """A request with the same key is being worked on."""

    code = "idempotency_key_in_flight"
    detail = "A request with this Idempotency-Key is not answered yet; try again."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class IdempotencyKeyReusedError(UnprocessableError):
    """The key belongs to another request."""

    code = "idempotency_key_reused"
    detail = "This Idempotency-Key came with another request before; every request needs a key of its own."
