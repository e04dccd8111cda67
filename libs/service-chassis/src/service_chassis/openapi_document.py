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
            _replace_validation_errors(document, components.setdefault("schemas", {}))
            for scheme in components.get("securitySchemes", {}).values():
                scheme["flows"]["password"]["tokenUrl"] = f"{settings.api_v1_str}/auth/login"
        return app.openapi_schema or {}

    # The documented way to extend the document; mypy can't know that methods may be replaced.
    app.openapi = complete  # type: ignore[method-assign]  # see above


def _replace_validation_errors(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Put our 422 in the place of FastAPI's own."""
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), ProblemDetails=problem)
    for obsolete in ("HTTPValidationError", "ValidationError"):
        schemas.pop(obsolete, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if "422" in operation["responses"]:
                operation["responses"]["422"] = {
                    "description": "- `invalid_request`: The request has not the form that this endpoint takes.\n",
                    "content": {PROBLEM_JSON: PROBLEM_SCHEMA},
                }
