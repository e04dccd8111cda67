"""Completes what FastAPI says of an API: the one error format, and where to log in."""

from typing import Any

from fastapi import FastAPI

from service_chassis.problem_details import PROBLEM_JSON, PROBLEM_SCHEMA, ProblemDetails
from service_chassis.settings import ServiceSettings


def complete_openapi(app: FastAPI, settings: ServiceSettings) -> None:
    """Make `app.openapi()` describe failures as they are really answered, and the login at its real path."""
    generate = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            components = document.setdefault("components", {})
            _describe_failures(document, components.setdefault("schemas", {}))
            for scheme in components.get("securitySchemes", {}).values():
                for flow in scheme["flows"].values():
                    flow["tokenUrl"] = settings.api_v1_str + flow["tokenUrl"]
        return app.openapi_schema or {}

    # The documented way to extend the document; mypy can't know that methods may be replaced.
    app.openapi = complete  # type: ignore[method-assign]  # see above


def _describe_failures(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Put our 422 in the place of FastAPI's own, and add what is refused before an endpoint is asked."""
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), ProblemDetails=problem)
    for obsolete in ("HTTPValidationError", "ValidationError"):
        schemas.pop(obsolete, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            if "HTTPValidationError" in str(responses.get("422")):
                responses["422"] = _INVALID
            elif "422" in responses:
                responses["422"]["description"] = _INVALID["description"] + responses["422"]["description"]
            takes_json = "application/json" in operation.get("requestBody", {}).get("content", {})
            refused = _FOR_EVERY_REQUEST | (_FOR_EVERY_JSON_BODY if takes_json else {})
            operation["responses"] = refused | (_FOR_EVERY_PARAMETER if "parameters" in operation else {}) | responses


def _problem(description: str) -> dict[str, Any]:
    return {"description": f"- {description}\n", "content": {PROBLEM_JSON: PROBLEM_SCHEMA}}


_INVALID = _problem("`invalid_request`: The request has not the form that this endpoint takes.")
_FOR_EVERY_REQUEST = {"400": _problem("`bad_request`, `malformed_url`: The request is no well-formed HTTP or JSON.")}
_FOR_EVERY_PARAMETER = {"414": _problem("`uri_too_long`: The URL is longer than anything that this endpoint takes.")}
_FOR_EVERY_JSON_BODY = {
    "413": _problem("`content_too_large`: The body is larger than anything that this endpoint takes."),
    "415": _problem("`unsupported_media_type`: The body is not declared as what this endpoint takes."),
}
