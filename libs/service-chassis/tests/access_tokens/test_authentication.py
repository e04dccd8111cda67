from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from service_chassis.access_tokens.authentication import BearerToken, TokenAuthenticator
from service_chassis.access_tokens.keys import VerificationKey
from service_chassis.access_tokens.verification import TokenVerifier
from service_chassis.errors import InvalidTokenError, VerificationKeysUnavailableError
from service_chassis.testing.clients import running_client
from service_chassis.testing.issuer import AUDIENCE, ISSUER, KeysOf, TokenIssuer
from service_chassis.testing.servers import exchange, serving

NewApp = Callable[..., FastAPI]


class NoKeys:
    """A source that has not received any keys yet."""

    @property
    def known_keys(self) -> Mapping[str, VerificationKey]:
        return {}

    async def keys_for(self, key_id: str) -> Mapping[str, VerificationKey]:
        assert key_id
        raise VerificationKeysUnavailableError


VERIFIER = TokenVerifier(issuer=ISSUER, audience=AUDIENCE)


@pytest.fixture
def app(new_app: NewApp, issuer: TokenIssuer) -> FastAPI:
    router = APIRouter()
    authenticator = TokenAuthenticator(verifier=VERIFIER, keys=KeysOf(issuer))

    @router.get("/me")
    async def tell_who_i_am(token: Annotated[str, Depends(BearerToken())]) -> UUID:
        return (await authenticator.authenticate(token)).subject

    return new_app(router)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(app) as client:
        yield client


async def test_a_valid_token_says_who_asks(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    user_id = uuid4()

    answer = await client.get("/api/v1/me", headers=issuer.authorization(user_id))

    assert (answer.status_code, answer.json()) == (200, str(user_id))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_read_in_any_case(client: httpx.AsyncClient, issuer: TokenIssuer, scheme: str) -> None:
    answer = await client.get("/api/v1/me", headers={"Authorization": f"{scheme} {issuer.token()}"})

    assert answer.status_code == 200


async def test_a_request_without_a_token_is_told_what_is_missing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/me")

    assert (answer.status_code, answer.json()["code"]) == (401, "missing_token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="empty"),
        pytest.param("Bearer", id="scheme alone"),
        pytest.param("Bearer ", id="empty token"),
        pytest.param("Basic dXNlcjpwYXNz", id="another scheme"),
        pytest.param("{token}", id="token alone"),
        pytest.param("Bearer  {token}", id="two spaces"),
        pytest.param("Bearer\t{token}", id="tab"),
        pytest.param("Bearer {token} {token}", id="two tokens"),
        pytest.param("Bearer {token}, Bearer {token}", id="a list"),
        pytest.param("Bearer {token}x", id="a character too many"),
        pytest.param("Bearer garbage", id="garbage"),
    ],
)
async def test_anything_else_is_an_invalid_token(
    client: httpx.AsyncClient, issuer: TokenIssuer, authorization: str
) -> None:
    answer = await client.get("/api/v1/me", headers={"Authorization": authorization.format(token=issuer.token())})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_two_tokens_are_refused_although_both_are_valid(app: FastAPI, issuer: TokenIssuer) -> None:
    header = b"Authorization: Bearer " + issuer.token().encode() + b"\r\n"
    request = b"GET /api/v1/me HTTP/1.1\r\nHost: trial\r\nConnection: close\r\n" + header

    with serving(app) as port:
        once = exchange(port, request + b"\r\n")
        twice = exchange(port, request + header + b"\r\n")

    assert once.startswith(b"HTTP/1.1 200")
    assert twice.startswith(b"HTTP/1.1 401")


async def test_a_source_is_asked_for_the_tokens_own_key(issuer: TokenIssuer) -> None:
    keys = KeysOf(issuer)

    await TokenAuthenticator(verifier=VERIFIER, keys=keys).authenticate(issuer.token())

    assert keys.asked_for == [issuer.key_id]


async def test_a_malformed_token_causes_no_search_for_keys(issuer: TokenIssuer) -> None:
    keys = KeysOf(issuer)

    with pytest.raises(InvalidTokenError):
        await TokenAuthenticator(verifier=VERIFIER, keys=keys).authenticate("a.b.c")

    assert keys.asked_for == []


async def test_a_token_cannot_be_judged_without_keys(issuer: TokenIssuer) -> None:
    with pytest.raises(VerificationKeysUnavailableError):
        await TokenAuthenticator(verifier=VERIFIER, keys=NoKeys()).authenticate(issuer.token())
