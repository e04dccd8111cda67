"""Whatever the descriptions allow, and whatever they don't, is answered as they say."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import httpx
import pytest

from local_stack.running_pair import RunningPair

# Schemathesis takes seconds to import, in each worker that would only collect this file.
if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.schemas import APIOperation

Operation: TypeAlias = "APIOperation[Any, Any, Any, Any]"
Authorize = Callable[["Operation"], dict[str, str]]

TOO_LARGE = ["413", "414"]
# A schema can't say which cursor was handed out, which version is the present one, or which addresses exist.
REFUSED_FOR_WHAT_IT_MEANS = ["400", "412", "422"]

# Every answer in the services' own tests is held to the descriptions as well; to think of requests takes minutes.
pytestmark = [pytest.mark.resilience, pytest.mark.timeout(300)]
EXAMPLES_PER_OPERATION = 20


@pytest.fixture
def authorize(pair: RunningPair, client: httpx.Client) -> Authorize:
    """Authorise as who may call an operation, anew for each: some of them end the session."""

    def authorize(operation: Operation) -> dict[str, str]:
        if operation.path.startswith("/api/v1/users") and "/me" not in operation.path:
            form = {"username": pair.superuser_email, "password": pair.superuser_password}
            token = client.post("/api/v1/auth/login", data=form).json()
        else:
            account = {"email": f"{uuid4()}@example.com", "password": "correct horse"}
            token = client.post("/api/v1/auth/register", json=account).json()["token"]
        return {"Authorization": f"Bearer {token['access_token']}"}

    return authorize


@pytest.fixture(scope="module", params=["auth", "items"])
def operations(pair: RunningPair, request: pytest.FixtureRequest) -> list[Operation]:
    import schemathesis  # noqa: PLC0415  # see above
    from schemathesis.core.result import Ok  # noqa: PLC0415  # see above

    # Asked directly: the gateway refuses some paths by itself, without a body that anybody described.
    address = {"auth": pair.auth_url, "items": pair.items_url}[request.param]
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/{request.param}/openapi.json")
    checks = schema.config.checks
    for check, more in (
        (checks.negative_data_rejection, TOO_LARGE),
        (checks.positive_data_acceptance, REFUSED_FOR_WHAT_IT_MEANS),
    ):
        check.expected_statuses = [*check.expected_statuses, *more]
    return [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]


def takes_input(operation: Operation) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters or operation.headers)


def probe(operation: Operation, mode: str, *, headers: dict[str, str]) -> None:
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415  # see above
    from schemathesis import GenerationMode  # noqa: PLC0415  # see above

    @settings(
        max_examples=EXAMPLES_PER_OPERATION,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def answers_as_described(case: "Case[Operation]") -> None:
        case.call_and_validate(headers=headers)

    answers_as_described()


def test_valid_requests_are_answered_as_described(operations: list[Operation], authorize: Authorize) -> None:
    for operation in operations:
        probe(operation, "positive", headers=authorize(operation))


def test_invalid_requests_are_refused_as_described(operations: list[Operation], authorize: Authorize) -> None:
    for operation in filter(takes_input, operations):
        probe(operation, "negative", headers=authorize(operation))
