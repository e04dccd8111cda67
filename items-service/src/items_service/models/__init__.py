"""Tables; importing this package registers all of them."""

from items_service.models.base import Base
from items_service.models.deleted_owners import DeletedOwner
from items_service.models.denials import NO_RIGHTS_VERSION_IS_ENOUGH, Denial, DenialKind
from items_service.models.feed_cursor import FeedCursor
from items_service.models.idempotency_keys import IdempotencyKey
from items_service.models.items import SEARCHED_TEXT, Item
from items_service.models.trusted_keys import TrustedKeySet

__all__ = [
    "NO_RIGHTS_VERSION_IS_ENOUGH",
    "SEARCHED_TEXT",
    "Base",
    "DeletedOwner",
    "Denial",
    "DenialKind",
    "FeedCursor",
    "IdempotencyKey",
    "Item",
    "TrustedKeySet",
]
