"""The requests of which there are most, answered without the framework; each says what its route says."""

from pydantic_core import from_json

from auth_service.api.dependencies import get_login_service, get_throttle
from auth_service.api.devices import device_of
from auth_service.api.oauth2 import find_form, oauth2_error_response
from auth_service.api.resources import Resources
from auth_service.schemas.devices import Device
from auth_service.schemas.tokens import LoginForm, RefreshRequest
from service_chassis.hot_endpoints import HotAnswer, HotEndpoint, HotRequest


class HotTokens:
    """Logins and plain refreshes."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def at(self, prefix: str) -> list[HotEndpoint]:
        """Return the endpoints under that prefix."""
        log_in, error_response = self._log_in, oauth2_error_response
        return [
            HotEndpoint("POST", f"{prefix}/auth/login", answer=log_in, may_wait=True, answer_error=error_response),
            HotEndpoint("POST", f"{prefix}/auth/refresh", answer=self._refresh),
        ]

    async def _log_in(self, request: HotRequest) -> HotAnswer | None:
        content_type = request.headers.get(b"content-type", b"")
        form = find_form(LoginForm, request.body, query=request.query, content_type=content_type)
        if form is None:
            return None
        device = _device(request)
        throttle = await get_throttle(self._resources, device)
        logins = await get_login_service(self._resources, throttle, device)
        pair, allowance = await logins.log_in(username=form.username, password=form.password.get_secret_value())
        headers = [(name.lower().encode(), value.encode()) for name, value in allowance.fields().items()]
        return HotAnswer(pair.model_dump_json().encode(), headers)

    async def _refresh(self, request: HotRequest) -> HotAnswer | None:
        is_plain = request.headers.get(b"content-type") == b"application/json" and not request.query
        asked = _refresh_request(request.body) if is_plain else None
        if asked is None:
            return None
        token = asked.refresh_token.get_secret_value()
        pair = await self._resources.token_exchange.exchange(token, device=_device(request))
        return None if pair is None else HotAnswer(pair.model_dump_json().encode())


def _device(request: HotRequest) -> Device:
    return device_of(request.address, request.headers.get(b"user-agent", b"").decode("latin-1"))


def _refresh_request(body: bytes) -> RefreshRequest | None:
    try:
        return RefreshRequest.model_validate(from_json(body, allow_inf_nan=False))
    except ValueError:
        return None
