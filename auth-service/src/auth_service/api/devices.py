"""Where a request comes from."""

from typing import Annotated

from fastapi import Depends, Request

from auth_service.schemas.devices import Device

_MAXIMUM_ADDRESS = 64
_MAXIMUM_AGENT = 500


async def get_device(request: Request) -> Device:
    """Return where the request comes from; forwarded headers were judged by the middleware."""
    address = request.client.host if request.client is not None else ""
    return device_of(address, request.headers.get("User-Agent", ""))


def device_of(address: str, user_agent: str) -> Device:
    """Return a device with as much of its names as is kept."""
    return Device(address=address[:_MAXIMUM_ADDRESS], user_agent=user_agent[:_MAXIMUM_AGENT])


DeviceDep = Annotated[Device, Depends(get_device)]
