"""The OpenAPI document: enough to generate a client from, and true."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

TOKEN_ENDPOINTS = [("post", "/api/v1/auth/login"), ("post", "/api/v1/auth/token")]
_DOCUMENT: dict[str, Any] = {}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}

EXPECTED = {
    ("post", "/api/v1/auth/register"): {"201", "403", "409", "422", "503"},
    ("post", "/api/v1/auth/login"): {"200", "400", "401", "503"},
    ("post", "/api/v1/auth/token"): {"200", "400", "401", "413", "503"},
    ("post", "/api/v1/auth/refresh"): {"200", "401", "422", "503"},
    ("post", "/api/v1/auth/logout"): {"204", "422", "503"},
    ("get", "/api/v1/auth/sessions"): {"200", "401", "403", "503"},
    ("delete", "/api/v1/auth/sessions"): {"204", "401", "403", "422", "503"},
    ("delete", "/api/v1/auth/sessions/{session_id}"): {"204", "401", "403", "404", "422", "503"},
    ("get", "/api/v1/users/me"): {"200", "401", "403", "503"},
    ("patch", "/api/v1/users/me"): {"200", "401", "403", "409", "422", "503"},
    ("put", "/api/v1/users/me"): {"200", "401", "403", "409", "422", "503"},
    ("put", "/api/v1/users/me/password"): {"204", "401", "403", "422", "429", "503"},
    ("delete", "/api/v1/users/me"): {"204", "401", "403", "409", "503"},
    ("get", "/api/v1/users"): {"200", "400", "401", "403", "422", "503"},
    ("post", "/api/v1/users"): {"201", "401", "403", "409", "422", "503"},
    ("get", "/api/v1/users/{user_id}"): {"200", "401", "403", "404", "422", "503"},
    ("patch", "/api/v1/users/{user_id}"): {"200", "401", "403", "404", "409", "422", "503"},
    ("delete", "/api/v1/users/{user_id}"): {"204", "401", "403", "404", "409", "422", "503"},
    ("get", "/.well-known/jwks.json"): {"200", "503"},
    ("get", "/.well-known/oauth-authorization-server"): {"200"},
    ("get", "/.well-known/openid-configuration"): {"200", "503"},
}


@pytest.fixture
def document(new_app: Callable[..., FastAPI]) -> dict[str, Any]:
    if not _DOCUMENT:
        _DOCUMENT.update(new_app().openapi())
    return _DOCUMENT


@pytest.fixture
def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


async def test_the_document_is_published_under_the_api(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    response = await client.get("/api/v1/auth/openapi.json")

    assert response.json() == document


def test_every_route_of_the_first_slice_is_there(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert EXPECTED.keys() <= operations.keys()


@pytest.mark.parametrize("operation", EXPECTED, ids=" ".join)
def test_every_status_that_is_answered_is_documented(
    operations: dict[tuple[str, str], dict[str, Any]], operation: tuple[str, str]
) -> None:
    assert EXPECTED[operation] <= operations[operation]["responses"].keys()


def test_operation_ids_are_unique(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    counts = Counter(operation["operationId"] for operation in operations.values())

    assert [name for name, count in counts.items() if count > 1] == []


def test_every_operation_says_what_it_does(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert [key for key, operation in operations.items() if not operation.get("description")] == []
    assert [key for key, operation in operations.items() if not operation.get("tags")] == []


def test_failures_are_problem_json_but_for_the_token_endpoints(
    operations: dict[tuple[str, str], dict[str, Any]],
) -> None:
    failures = [
        (key, status, set(response.get("content", {})))
        for key, operation in operations.items()
        for status, response in operation["responses"].items()
        if status >= "400" and key not in TOKEN_ENDPOINTS
    ]

    assert failures
    assert [failure for failure in failures if failure[2] != {"application/problem+json"}] == []


@pytest.mark.parametrize("endpoint", TOKEN_ENDPOINTS, ids=" ".join)
def test_a_token_endpoint_fails_as_rfc_6749_says(
    operations: dict[tuple[str, str], dict[str, Any]], endpoint: tuple[str, str]
) -> None:
    responses = operations[endpoint]["responses"]

    for status in ("400", "401", "503"):
        schema = responses[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/OAuth2ErrorBody"}
    assert "422" not in responses


def test_the_login_is_a_form(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    content = operations["post", "/api/v1/auth/login"]["requestBody"]["content"]

    assert set(content) == {"application/x-www-form-urlencoded"}
    schema = content["application/x-www-form-urlencoded"]["schema"]
    assert set(schema["required"]) == {"username", "password"}


def test_the_token_endpoint_takes_a_form(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    content = operations["post", "/api/v1/auth/token"]["requestBody"]["content"]

    assert set(content) == {"application/x-www-form-urlencoded"}
    schema = content["application/x-www-form-urlencoded"]["schema"]
    assert schema["required"] == ["grant_type"]


def test_the_frameworks_own_validation_error_is_not_mentioned(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)
    assert "ValidationError" not in document["components"]["schemas"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    dangling = {ref for ref in references(document) if ref.removeprefix("#/components/schemas/") not in schemas}

    assert dangling == set()


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_swagger_ui_learns_where_to_log_in(document: dict[str, Any]) -> None:
    [scheme] = document["components"]["securitySchemes"].values()

    assert scheme["type"] == "oauth2"
    assert scheme["flows"]["password"]["tokenUrl"] == "/api/v1/auth/login"
    assert {"users:me", "items:read", "items:write", "admin"} <= set(scheme["flows"]["password"]["scopes"])


def test_ones_own_account_needs_its_scope(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    for method in ("get", "patch", "put"):
        [requirement] = operations[method, "/api/v1/users/me"]["security"]
        assert list(requirement.values()) == [["users:me"]]
