"""Token endpoints: requests are read and errors are answered as RFC 6749 says, since standard clients know no other."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from auth_service.errors import UnsupportedGrantTypeError
from auth_service.schemas.tokens import OAuth2ErrorBody
from service_chassis.errors import ServiceError
from service_chassis.strict_json import StrictModel

FORM = "application/x-www-form-urlencoded"
# The codes that RFC 6749, 5.2 knows; whatever else goes wrong keeps its own code, as extensions may.
_INVALID_REQUEST = "invalid_request"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

ExceptionHandler = Callable[[Request, Any], Any]
FormType = TypeVar("FormType", bound=StrictModel)


class OAuth2Route(APIRoute):
    """A route of a token endpoint."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the framework's handler of this route."""
        handle = super().get_route_handler()

        async def handle_oauth2(request: Request) -> Response:
            # Only noted here: an error that became an answer inside of the route would let the transaction commit.
            request.state.answers_as_oauth2 = True
            return await handle(request)

        return handle_oauth2


def install_oauth2_errors(app: FastAPI) -> None:
    """Answer the failures of token endpoints in their own form."""
    for error_class in (ServiceError, HTTPException):
        app.add_exception_handler(error_class, _answer_or(app.exception_handlers[error_class]))


def _answer_or(answer_elsewhere: ExceptionHandler) -> ExceptionHandler:
    async def answer(request: Request, error: Exception) -> Response:
        if not getattr(request.state, "answers_as_oauth2", False):
            response: Response = await answer_elsewhere(request, error)
            return response
        if isinstance(error, ServiceError):
            return oauth2_error_response(request, error)
        invalid = cast("HTTPException", error)
        return _oauth2_error(invalid.status_code, _INVALID_REQUEST, description=invalid.detail, headers={})

    return answer


def oauth2_error_response(_request: Request, error: ServiceError) -> Response:
    """Answer a failure of a token endpoint."""
    return _oauth2_error(error.status_code, error.code, description=error.detail, headers=error.answer_headers)


def strict_form(model: type[FormType]) -> Callable[[Request], Coroutine[Any, Any, FormType]]:
    """Return a dependency that reads a form as RFC 6749, 3.2 says.

    The framework's own `Form` takes the last of two equal parameters, and an empty one for a missing one.
    """

    async def read_form(request: Request) -> FormType:
        try:
            content_type = request.headers.get("Content-Type", "")
            return _read_form(model, await request.body(), query=request.url.query, content_type=content_type)
        except ValidationError as error:
            raise _first_problem(error) from None

    return read_form


def find_form(model: type[FormType], body: bytes, *, query: bytes, content_type: bytes) -> FormType | None:
    """Read a form like `strict_form`; None for what it would refuse."""
    try:
        return _read_form(model, body, query=query.decode("latin-1"), content_type=content_type.decode("latin-1"))
    except (HTTPException, ValidationError):
        return None


def form_body(model: type[StrictModel]) -> dict[str, Any]:
    """Describe for OpenAPI the form that `strict_form` reads."""
    return {"requestBody": {"required": True, "content": {FORM: {"schema": model.model_json_schema()}}}}


def documented_oauth2_errors(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI which failures a token endpoint answers, grouped by status."""
    descriptions: dict[int | str, str] = {
        400: f"- `{_INVALID_REQUEST}`: The form is not one, or not one that this endpoint takes.\n",
        413: f"- `{_INVALID_REQUEST}`: The form is too large.\n",
    }
    for error in errors:
        so_far = descriptions.get(error.status_code, "")
        descriptions[error.status_code] = f"{so_far}- `{error.code}`: {error.detail}\n"
    return {status: {"model": OAuth2ErrorBody, "description": text} for status, text in descriptions.items()}


def _read_form(model: type[FormType], body: bytes, *, query: str, content_type: str) -> FormType:
    if query:
        raise HTTPException(400, "Parameters belong in the body: URLs are written to logs.")
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise HTTPException(400, f"The body has to be declared as {FORM}.")
    return model.model_validate(_parameters(body))


def _parameters(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise HTTPException(400, "The body is not a well-formed form.") from None
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise HTTPException(400, "A parameter is repeated.")
    return parameters


def _first_problem(error: ValidationError) -> Exception:
    first = error.errors(include_input=False)[0]
    name = first["loc"][0]
    if first["type"] == "extra_forbidden":
        # Its name is the caller's text, and the characters of a description are restricted (RFC 6749, 5.2).
        return HTTPException(400, "A parameter is unknown.")
    if (name, first["type"]) == ("grant_type", "literal_error"):
        return UnsupportedGrantTypeError()
    return HTTPException(400, f"{name}: {first['msg']}")


def _oauth2_error(status: int, code: str, *, description: str, headers: dict[str, str]) -> Response:
    body = OAuth2ErrorBody(error=code, error_description=description)
    return Response(body.model_dump_json(), status, _NO_STORE | headers, "application/json")
