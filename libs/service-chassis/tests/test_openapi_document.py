from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI

from service_chassis.access_tokens.authentication import BearerToken, ServiceBearerToken

NewApp = Callable[..., FastAPI]


@pytest.fixture
def document(new_app: NewApp) -> dict[str, Any]:
    router = APIRouter(prefix="/things")

    @router.get("/{number}")
    async def read(number: int, token: Annotated[str, Depends(BearerToken())]) -> str:
        return f"{number} {token}"

    @router.get("")
    async def count() -> int:
        return 0

    @router.get("/{number}/events")
    async def follow(number: int, token: Annotated[str, Depends(ServiceBearerToken())]) -> str:
        return f"{number} {token}"

    @router.post("")
    async def create(title: Annotated[str, Body()]) -> str:
        return title

    return new_app(router, api_v1_str="/api/v1").openapi()


def test_invalid_input_is_described_as_it_is_answered(document: dict[str, Any]) -> None:
    described = document["paths"]["/api/v1/things/{number}"]["get"]["responses"]["422"]

    assert described["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
    }
    assert "invalid_request" in described["description"]


def test_an_operation_without_input_describes_no_invalid_one(document: dict[str, Any]) -> None:
    assert set(document["paths"]["/api/v1/things"]["get"]["responses"]) == {"200", "400"}


def test_an_operation_with_a_body_describes_what_is_refused_of_it(document: dict[str, Any]) -> None:
    assert set(document["paths"]["/api/v1/things"]["post"]["responses"]) == {"200", "400", "413", "415", "422"}


def test_the_frameworks_own_error_format_is_gone(document: dict[str, Any]) -> None:
    assert set(document["components"]["schemas"]) == {"InvalidField", "ProblemDetails"}


def test_the_login_stands_where_the_gateway_serves_it(document: dict[str, Any]) -> None:
    flow = document["components"]["securitySchemes"]["login"]["flows"]["password"]

    assert flow["tokenUrl"] == "/api/v1/auth/login"
    assert "items:read" in flow["scopes"]


def test_a_machine_client_is_told_where_it_gets_a_token(document: dict[str, Any]) -> None:
    flow = document["components"]["securitySchemes"]["client"]["flows"]["clientCredentials"]

    assert (flow["tokenUrl"], set(flow["scopes"])) == ("/api/v1/auth/token", {"events:read"})


def test_an_application_without_operations_has_a_document(new_app: NewApp) -> None:
    assert new_app().openapi()["paths"] == {}


def test_the_document_is_made_once(new_app: NewApp) -> None:
    app = new_app()

    assert app.openapi() is app.openapi()
