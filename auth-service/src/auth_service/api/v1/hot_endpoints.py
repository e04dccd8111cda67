"""The requests of which there are most, answered without the framework; each says what its route says."""

from pydantic_core import from_json

from auth_service.api.devices import device_of
from auth_service.schemas.tokens import RefreshRequest
from auth_service.services.token_exchange import TokenExchange
from service_chassis.hot_endpoints import HotAnswer, HotEndpoint, HotRequest


class HotTokens:
    """Plain refreshes, over what lives as long as the process."""

    def __init__(self, exchange: TokenExchange) -> None:
        self._exchange = exchange

    def at(self, prefix: str) -> list[HotEndpoint]:
        """Return the endpoints under that prefix."""
        return [HotEndpoint("POST", f"{prefix}/auth/refresh", answer=self._refresh)]

    async def _refresh(self, request: HotRequest) -> HotAnswer | None:
        is_plain = request.headers.get(b"content-type") == b"application/json" and not request.query
        asked = _refresh_request(request.body) if is_plain else None
        if asked is None:
            return None
        device = device_of(request.address, request.headers.get(b"user-agent", b"").decode("latin-1"))
        pair = await self._exchange.exchange(asked.refresh_token.get_secret_value(), device=device)
        return None if pair is None else HotAnswer(pair.model_dump_json().encode())


def _refresh_request(body: bytes) -> RefreshRequest | None:
    try:
        return RefreshRequest.model_validate(from_json(body, allow_inf_nan=False))
    except ValueError:
        return None
