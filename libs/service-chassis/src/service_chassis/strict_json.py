"""Bodies that are exactly JSON, into models that take exactly their own fields."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Request
from fastapi.exceptions import HTTPException
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError, from_json
from starlette.responses import Response


def _without_nul(text: str) -> str:
    # PostgreSQL can't store it, and C programs end there.
    if "\0" in text:
        raise PydanticCustomError("nul_character", "String should not contain a NUL character")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
"""A string that PostgreSQL can store; the base of every text field of a request."""


class StrictModel(BaseModel):
    """The base of every request body: unknown fields are refused, and errors never repeat the input."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401  # any JSON value; the model judges it
        """Parse with a parser that refuses NaN, Infinity, lone surrogates, invalid UTF-8 and deep nesting."""
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise HTTPException(400, f"The body is not valid JSON: {error}.") from None


class StrictRoute(APIRoute):
    """The route class of every router: refuses a body that is not declared as JSON, and JSON that is not strict."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the framework's handler of this route."""
        handle = super().get_route_handler()
        takes_json = self.body_field is not None

        async def handle_strictly(request: Request) -> Response:
            request = _StrictRequest(request.scope, request.receive)
            # The framework would take the body for a string, and find it to be no object.
            if takes_json and not _declares_json(request) and await request.body():
                raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body has to be declared as JSON.")
            return await handle(request)

        return handle_strictly


def _declares_json(request: Request) -> bool:
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
