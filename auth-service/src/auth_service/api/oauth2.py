"""Routes that answer their errors in the form of RFC 6749, since standard clients read nothing else there."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from auth_service.schemas.tokens import OAuth2ErrorBody
from service_chassis.errors import ServiceError
from service_chassis.strict_json import StrictRoute

# The codes that RFC 6749, 5.2 knows; whatever else goes wrong keeps its own code, as extensions may.
_INVALID_REQUEST = "invalid_request"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuth2Route(StrictRoute):
    """A route of a token endpoint."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the framework's handler of this route."""
        handle = super().get_route_handler()

        async def handle_oauth2(request: Request) -> Response:
            try:
                return await handle(request)
            except ServiceError as error:
                return _oauth2_error(error.status_code, error.code, error.detail, error.headers)
            except HTTPException as error:
                return _oauth2_error(error.status_code, _INVALID_REQUEST, error.detail, {})
            except RequestValidationError as error:
                return _oauth2_error(400, _INVALID_REQUEST, _first_problem(error), {})

        return handle_oauth2


def _first_problem(error: RequestValidationError) -> str:
    first = error.errors()[0]
    return f"{first['loc'][-1]}: {first['msg']}"


def _oauth2_error(status: int, code: str, description: str, headers: dict[str, str]) -> Response:
    body = OAuth2ErrorBody(error=code, error_description=description)
    return Response(body.model_dump_json(), status, _NO_STORE | headers, "application/json")
