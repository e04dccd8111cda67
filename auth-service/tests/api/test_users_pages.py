"""Finding accounts: GET /users."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from auth_service.schemas.users import UserWithToken

USERS = "/api/v1/users"
NewUser = Callable[..., Awaitable[UserWithToken]]
NewUsers = Callable[..., Awaitable[list[str]]]
GetPage = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def headers(new_superuser: NewUser) -> dict[str, str]:
    root = await new_superuser("zoe@tandem.example.net")
    return {"Authorization": f"Bearer {root.token.access_token}"}


@pytest.fixture
def get_page(client: httpx.AsyncClient, headers: dict[str, str]) -> GetPage:
    async def get(**parameters: str | int) -> dict[str, Any]:
        response = await client.get(USERS, params=parameters, headers=headers)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    return get


@pytest.fixture
def new_users(stored: asyncpg.Connection) -> NewUsers:
    """Store accounts past the service, since hashing a password for each takes its time; the newest is last."""

    async def store(*people: tuple[str, str]) -> list[str]:
        await stored.executemany(
            "INSERT INTO users (id, email, full_name, hashed_password)"
            " SELECT ('01990000-0000-7000-8000-' || lpad(count(*)::text, 12, '0'))::uuid, $1, $2, '' FROM users",
            people,
        )
        return [email for email, _ in people]

    return store


def emails(page: dict[str, Any]) -> list[str]:
    return [user["email"] for user in page["items"] if user["email"] != "zoe@tandem.example.net"]


async def test_a_walk_over_the_pages_meets_every_account_once_the_newest_first(
    get_page: GetPage, new_users: NewUsers
) -> None:
    people = await new_users(*((f"user{number}@example.com", "") for number in range(5)))

    first = await get_page(limit=2, q="example")
    second = await get_page(limit=2, q="example", cursor=first["next_cursor"])
    third = await get_page(limit=2, q="example", cursor=second["next_cursor"])

    assert [*emails(first), *emails(second), *emails(third)] == people[::-1]
    assert third["next_cursor"] is None


async def test_without_words_everybody_is_listed(get_page: GetPage, new_users: NewUsers) -> None:
    await new_users(("ada@example.com", ""), ("grace@example.com", ""))

    first = await get_page(limit=2)
    second = await get_page(limit=2, cursor=first["next_cursor"])

    listed = {user["email"] for page in (first, second) for user in page["items"]}
    assert listed == {"ada@example.com", "grace@example.com", "zoe@tandem.example.net"}


async def test_the_next_page_is_linked(client: httpx.AsyncClient, headers: dict[str, str], new_users: NewUsers) -> None:
    await new_users(("ada@example.com", "Ada"), ("adam@example.com", "Adam"))

    response = await client.get(USERS, params={"limit": 1, "q": "ada"}, headers=headers)

    linked = await client.get(response.links["next"]["url"], headers=headers)
    assert (emails(response.json()), emails(linked.json())) == (["adam@example.com"], ["ada@example.com"])
    assert "next" not in linked.links


async def test_an_account_is_found_by_words_of_its_name_and_its_address(get_page: GetPage, new_users: NewUsers) -> None:
    await new_users(("ada.lovelace@example.com", "Augusta King-Byron"), ("grace@example.org", "Grace Hopper"))
    words = {
        "address": "ada.lovelace@example.com",
        "beginning of the address": "ada.love",
        "beginning past the @": "ada.lovelace@exam",
        "another case": "ADA",
        "word of the address": "lovelace",
        "name": "king",
        "beginning of the name": "Augusta Ki",
        "words of both": "king ada",
        "after a hyphen": "byron",
        "across a hyphen": "king-by",
    }

    found = {case: emails(await get_page(q=text)) for case, text in words.items()}

    assert found == {case: ["ada.lovelace@example.com"] for case in words}


async def test_other_words_find_nobody(get_page: GetPage, new_users: NewUsers) -> None:
    await new_users(("ada.lovelace@example.com", "Augusta King"), ("grace@example.org", "Grace Hopper"))
    words = ["lovelac e", "ing", "ada grace", "a&b", "'", "@", "!", "\\", "%"]

    found = {text: await get_page(q=text) for text in words}

    assert found == {text: {"items": [], "next_cursor": None} for text in words}


async def test_a_cursor_is_good_for_its_own_search_only(
    client: httpx.AsyncClient, headers: dict[str, str], get_page: GetPage, new_users: NewUsers
) -> None:
    await new_users(("ada@example.com", ""), ("adam@example.com", ""))
    cursor = (await get_page(limit=1, q="ada"))["next_cursor"]

    response = await client.get(USERS, params={"limit": 1, "q": "adam", "cursor": cursor}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


async def test_parameters_that_mean_no_page_are_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for parameters in ({"limit": 0}, {"limit": 101}, {"limit": "ten"}, {"q": ""}, {"q": "x" * 201}, {"skip": 5}):
        response = await client.get(USERS, params=parameters, headers=headers)

        assert response.status_code == 422, parameters
