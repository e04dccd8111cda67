"""GET /.well-known/jwks.json."""

import httpx


async def test_the_key_set_publishes_an_es256_key_without_its_private_half(client: httpx.AsyncClient) -> None:
    response = await client.get("/.well-known/jwks.json")

    [key] = response.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


async def test_the_key_set_is_the_same_each_time(client: httpx.AsyncClient) -> None:
    first, second = [await client.get("/.well-known/jwks.json") for _ in range(2)]

    assert first.json() == second.json()


async def test_verifiers_may_keep_the_key_set_for_a_minute(client: httpx.AsyncClient) -> None:
    response = await client.get("/.well-known/jwks.json")

    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "public, max-age=60"
