"""Tables; importing this package registers all of them."""

from items_service.models.base import Base
from items_service.models.items import Item

__all__ = ["Base", "Item"]
