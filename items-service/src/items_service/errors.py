"""Every expected failure of this service."""

from service_chassis.errors import NotFoundError, PreconditionFailedError


class ItemNotFoundError(NotFoundError):
    """No such item, or it is somebody else's: the two look the same."""

    code = "item_not_found"
    detail = "You have no item with this id."


class StaleItemError(PreconditionFailedError):
    """The item is not at the version that `If-Match` names."""

    code = "stale_item"
    detail = "The item has changed since you read it; read it again and repeat your change."
