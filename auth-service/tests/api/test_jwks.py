import httpx


async def test_the_key_set_publishes_an_es256_key_without_its_private_half(client: httpx.AsyncClient) -> None:
    response = await client.get("/.well-known/jwks.json")

    [key] = response.json()["keys"]
    assert key["alg"] == "ES256"
    assert "d" not in key
