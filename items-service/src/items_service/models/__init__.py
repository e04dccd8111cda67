"""Tables; importing this package registers all of them."""

from items_service.models.base import Base
from items_service.models.idempotency_keys import IdempotencyKey
from items_service.models.items import SEARCHED_TEXT, Item
from items_service.models.trusted_keys import TrustedKeySet

__all__ = ["SEARCHED_TEXT", "Base", "IdempotencyKey", "Item", "TrustedKeySet"]
