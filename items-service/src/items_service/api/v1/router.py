"""Every endpoint of version 1."""

from fastapi import APIRouter

from items_service.api.v1.endpoints import items

router = APIRouter()
router.include_router(items.router)
