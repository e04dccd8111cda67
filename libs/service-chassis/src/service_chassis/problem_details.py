"""Renders every failure as RFC 9457 problem+json, the framework's own included."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from service_chassis.errors import ServiceError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROBLEM_JSON = "application/problem+json"
PROBLEM_SCHEMA = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
# A body of 64 kB has room for 8,000 mistakes, and the answer would be ten times as large.
_MAXIMUM_REPORTED_FIELDS = 50

# Python renamed these in 3.13, and codes are made of them.
_PHRASES_OF_RFC_9110 = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}

logger = structlog.stdlib.get_logger(__name__)


class InvalidField(BaseModel):
    """One thing that is wrong with the request; the value that was sent is never repeated."""

    location: str = Field(examples=["body"])
    pointer: str = Field(description="JSON pointer inside the location", examples=["/title"])
    message: str


class ProblemDetails(BaseModel):
    """The one error format (RFC 9457); `code` is stable, the texts are for people."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str
    instance: str = Field(examples=["/api/v1/items/0198c0de-0000-7000-8000-000000000000"])
    code: str = Field(examples=["not_found"])
    trace_id: str
    request_id: str = Field(description="The same as in the header X-Request-ID.")
    errors: list[InvalidField] | None = None


def install_problem_details(app: "FastAPI") -> None:
    """Answer service errors, the framework's errors and invalid input with problem+json."""
    app.add_exception_handler(ServiceError, _answer_service_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)


def problem_response(
    request: Request,
    *,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[InvalidField] | None = None,
) -> Response:
    """Build the problem+json answer for a request."""
    problem = ProblemDetails(
        title=_title(status),
        status=status,
        detail=detail,
        instance=request.scope["path"],
        code=code,
        trace_id=request.state.trace_id,
        request_id=request.state.request_id,
        errors=list(errors) if errors is not None else None,
    )
    return Response(problem.model_dump_json(exclude_none=True), status, headers, PROBLEM_JSON)


def service_error_response(request: Request, error: ServiceError) -> Response:
    """Build the answer for an expected failure."""
    return problem_response(
        request, status=error.status_code, code=error.code, detail=error.detail, headers=error.answer_headers
    )


def unhandled_error_response(request: Request, error: Exception) -> Response:
    """Log all of an unexpected failure, and build an answer that says nothing of it."""
    logger.error("unhandled error", exc_info=error)
    request.scope["state"]["error_type"] = type(error).__qualname__
    return problem_response(
        request,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code="internal_error",
        detail="Something went wrong here. The trace id helps whoever operates this service to find it.",
    )


def documented_problems(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI which failures an endpoint answers, grouped by status."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = by_status.setdefault(error.status_code, {"description": "", "content": {PROBLEM_JSON: PROBLEM_SCHEMA}})
        entry["description"] += f"- `{error.code}`: {error.detail}\n"
    return by_status


async def _answer_service_error(request: Request, error: Exception) -> Response:
    return service_error_response(request, cast("ServiceError", error))


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    code = re.sub(r"\W+", "_", _title(error.status_code).lower())
    return problem_response(request, status=error.status_code, code=code, detail=error.detail, headers=error.headers)


async def _answer_invalid_request(request: Request, error: Exception) -> Response:
    error = cast("RequestValidationError", error)
    fields = [
        InvalidField(location=str(detail["loc"][0]), pointer=_pointer(detail["loc"][1:]), message=detail["msg"])
        for detail in error.errors()[:_MAXIMUM_REPORTED_FIELDS]
    ]
    return problem_response(
        request,
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        code="invalid_request",
        detail="The request does not have the form that this endpoint takes; see 'errors'.",
        errors=fields,
    )


def _title(status: int) -> str:
    return _PHRASES_OF_RFC_9110.get(status) or HTTPStatus(status).phrase


def _pointer(location: Sequence[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


class UnhandledErrorMiddleware:
    """Answers an unexpected exception with a 500 that says nothing about the inside, and logs all of it.

    A handler for `Exception` would do the same, but makes the server close the connection without saying so.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on; answer an exception that nobody expected."""
        started = False

        async def watch_start(message: "Message") -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch_start)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            response = unhandled_error_response(Request(scope), error)
            await response(scope, receive, send)
