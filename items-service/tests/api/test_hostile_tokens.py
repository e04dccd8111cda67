"""Whatever an attacker makes of a token is a 401, at once, and nobody is asked about it."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service_chassis.base64url import decode_base64url, encode_base64url
from service_chassis.testing.issuer import TokenIssuer, compact_token
from service_chassis.testing.key_server import KeyServer

ITEMS = "/api/v1/items"

Forge = Callable[[TokenIssuer], str]


def payload_of(issuer: TokenIssuer) -> bytes:
    return decode_base64url(issuer.token().split(".")[1])


def header_of(issuer: TokenIssuer, **parameters: Any) -> bytes:  # any JSON value
    return json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": issuer.key_id} | parameters).encode()


def with_header(**parameters: Any) -> Forge:  # any JSON value
    """Sign rightly what a header says that none of ours does."""
    return lambda issuer: issuer.token(headers=parameters)


def with_claims(**claims: Any) -> Forge:  # any JSON value
    """Sign rightly what a payload says that none of ours does."""
    return lambda issuer: issuer.token(**claims)


def edited(edit: Callable[[str], str]) -> Forge:
    """Spell a valid token in another way."""
    return lambda issuer: edit(issuer.token())


def with_payload(edit: Callable[[bytes], bytes]) -> Forge:
    """Sign rightly what is no payload."""
    return lambda issuer: compact_token(header_of(issuer), edit(payload_of(issuer)), sign=issuer.sign)


def with_shared_secret(spell: Callable[[TokenIssuer], bytes]) -> Forge:
    """Sign with the public key as if it were a secret that the verifier shares."""

    def forge(issuer: TokenIssuer) -> str:
        secret = spell(issuer)
        header = header_of(issuer, alg="HS256")
        return compact_token(
            header, payload_of(issuer), sign=lambda message: hmac.digest(secret, message, hashlib.sha256)
        )

    return forge


def with_attackers_key(**parameters: Any) -> Forge:  # any JSON value
    """Sign with another key, and let the header say where it is."""

    def forge(issuer: TokenIssuer) -> str:
        attacker = TokenIssuer(issuer.key_id)
        header = header_of(issuer, **{"jwk": attacker.public_jwk()} | parameters)
        return compact_token(header, payload_of(issuer), sign=attacker.sign)

    return forge


def public_key(encoding: Encoding, form: PublicFormat) -> Callable[[TokenIssuer], bytes]:
    return lambda issuer: issuer.private_key.public_key().public_bytes(encoding, form)


FORGERIES: dict[str, Forge] = {
    "no algorithm": lambda issuer: compact_token(header_of(issuer, alg="none"), payload_of(issuer), sign=lambda _: b""),
    "none with a signature": with_header(alg="none"),
    "HS256": with_header(alg="HS256"),
    "RS256": with_header(alg="RS256"),
    "ES384": with_header(alg="ES384"),
    "ES256K": with_header(alg="ES256K"),
    "algorithm in small letters": with_header(alg="es256"),
    "public key as a secret: PEM": with_shared_secret(public_key(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    "public key as a secret: DER": with_shared_secret(public_key(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
    "public key as a secret: point": with_shared_secret(public_key(Encoding.X962, PublicFormat.UncompressedPoint)),
    "public key as a secret: short point": with_shared_secret(public_key(Encoding.X962, PublicFormat.CompressedPoint)),
    "public key as a secret: JWK": with_shared_secret(lambda issuer: json.dumps(issuer.public_jwk()).encode()),
    "public key as a secret: key set": with_shared_secret(TokenIssuer.key_set),
    "public key as a secret: x": with_shared_secret(lambda issuer: decode_base64url(issuer.public_jwk()["x"])),
    "empty secret": with_shared_secret(lambda _: b""),
    "another key of the same id": lambda issuer: TokenIssuer(issuer.key_id).token(),
    "another key of another id": lambda _: TokenIssuer("unknown").token(),
    "key that is an address": lambda _: TokenIssuer("https://evil.example/jwks.json").token(),
    "key that is a path": lambda _: TokenIssuer("../../dev/null").token(),
    "embedded key": with_attackers_key(),
    "embedded key, rightly signed": lambda issuer: issuer.token(headers={"jwk": issuer.public_jwk()}),
    "critical extension": with_header(crit=["exp"], exp=1),
    "unencoded payload": with_header(b64=False, crit=["b64"]),
    "compressed": with_header(zip="DEF"),
    "other type": with_header(typ="JWT"),
    "no type": lambda issuer: compact_token(
        json.dumps({"alg": "ES256", "kid": issuer.key_id}).encode(), payload_of(issuer), sign=issuer.sign
    ),
    "other audience": with_claims(aud="tandem-2"),
    "audience in a list": with_claims(aud=["tandem"]),
    "no audience": with_claims(aud=None),
    "other issuer": with_claims(iss="https://evil.example"),
    "issuer with a slash": with_claims(iss="http://localhost:8080/"),
    "expiry in a string": with_claims(exp=str(int(time.time()) + 900)),
    "expiry with a fraction": with_claims(exp=time.time() + 900.5),
    "huge expiry": with_claims(exp=2**80),
    "expiry beyond a day": with_claims(exp=int(time.time()) + 200_000),
    "no expiry": with_claims(exp=None),
    "expired": with_claims(iat=int(time.time()) - 900, exp=int(time.time()) - 1),
    "subject that is no user": with_claims(sub="items-service"),
    "subject in another spelling": with_claims(sub="urn:uuid:01a20773-9579-707b-9e96-821a206ea19b"),
    "deep payload": with_payload(lambda _: b'{"a":' * 500 + b"1" + b"}" * 500),
    "deep list": with_payload(lambda p: p[:-1] + b', "more": ' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
    "deep header": lambda issuer: compact_token(
        b'{"alg":' + b"[" * 2_500 + b"]" * 2_500 + b"}", payload_of(issuer), sign=issuer.sign
    ),
    "payload in UTF-16": with_payload(lambda p: p.decode().encode("utf-16")),
    "payload that is no UTF-8": with_payload(lambda p: p.replace(b"items:read", b"\xff")),
    "NaN": with_payload(lambda p: p.replace(b'"ver": 0', b'"ver": NaN')),
    "NUL": with_payload(lambda p: p + b"\0"),
    "padding": edited(lambda token: f"{token}=="),
    "padding inside": edited(lambda token: token.replace(".", "=.", 1)),
    "space": edited(lambda token: token.replace(".", " .", 1)),
    "no signature": edited(lambda token: token.rpartition(".")[0] + "."),
    "two parts": edited(lambda token: token.rpartition(".")[0]),
    "five parts": edited(lambda token: f"{token}.a.b"),
    "a character too many": edited(lambda token: f"{token}A"),
    "more than 8 kB": with_claims(scope="s" * 7_000),
    "garbage": lambda _: encode_base64url(bytes(range(256))),
}


@pytest.fixture
async def warm(anonymous: httpx.AsyncClient, issuer: TokenIssuer) -> httpx.AsyncClient:
    """Give a client of a service that has received its keys."""
    assert (await get_items(anonymous, issuer.token())).status_code == 200
    return anonymous


async def get_items(client: httpx.AsyncClient, *tokens: str) -> httpx.Response:
    return await client.get(ITEMS, headers=[("Authorization", f"Bearer {token}") for token in tokens])


async def is_refused_within_50_ms(client: httpx.AsyncClient, token: str) -> bool:
    """Try several times, since other work on the machine may keep an answer waiting."""
    for _ in range(10):
        started_at = time.perf_counter()
        response = await get_items(client, token)
        if time.perf_counter() - started_at < 0.05:
            return response.is_client_error
    return False


@pytest.fixture
def elsewhere() -> Iterator[KeyServer]:
    """Listen where an attacker's token points to, with the attacker's keys."""
    with KeyServer(TokenIssuer().key_set()) as server:
        yield server


async def test_every_forgery_is_a_401(warm: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    for name, forge in FORGERIES.items():
        token = forge(issuer)

        response = await get_items(warm, token)

        assert (response.status_code, response.json()["code"]) == (401, "invalid_token"), name
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert token not in response.text


async def test_a_forgery_is_refused_within_50_ms(warm: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    slow = [name for name, forge in FORGERIES.items() if not await is_refused_within_50_ms(warm, forge(issuer))]

    assert slow == []


async def test_nobody_is_asked_about_a_forgery(
    warm: httpx.AsyncClient, issuer: TokenIssuer, key_server: KeyServer
) -> None:
    for forge in FORGERIES.values():
        await get_items(warm, forge(issuer))

    assert key_server.requests == 1


@pytest.mark.parametrize("parameter", ["jku", "x5u"])
async def test_a_token_cannot_say_where_its_key_is(
    warm: httpx.AsyncClient, issuer: TokenIssuer, key_server: KeyServer, elsewhere: KeyServer, parameter: str
) -> None:
    forge = with_attackers_key(**{parameter: f"{elsewhere.url}/.well-known/jwks.json"})

    response = await get_items(warm, forge(issuer))

    assert response.status_code == 401
    assert (elsewhere.requests, key_server.requests) == (0, 1)


async def test_two_tokens_are_none_although_both_are_valid(warm: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    response = await get_items(warm, issuer.token(), issuer.token())

    assert response.status_code == 401


async def test_a_token_of_a_megabyte_is_refused_before_anybody_reads_it(warm: httpx.AsyncClient) -> None:
    token = "a" * 1_000_000

    response = await get_items(warm, token)

    assert response.status_code == 431
    assert await is_refused_within_50_ms(warm, token)


async def test_a_token_that_the_forgeries_are_made_of_is_valid(warm: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    token = compact_token(header_of(issuer), payload_of(issuer), sign=issuer.sign)

    response = await get_items(warm, token)

    assert response.status_code == 200
