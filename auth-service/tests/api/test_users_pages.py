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


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("ada.lovelace@example.com", id="address"),
        pytest.param("ada.love", id="beginning of the address"),
        pytest.param("ada.lovelace@exam", id="beginning past the @"),
        pytest.param("ADA", id="another case"),
        pytest.param("lovelace", id="word of the address"),
        pytest.param("king", id="name"),
        pytest.param("Augusta Ki", id="beginning of the name"),
        pytest.param("king ada", id="words of both"),
        pytest.param("byron", id="after a hyphen"),
        pytest.param("king-by", id="across a hyphen"),
    ],
)
async def test_an_account_is_found_by_words_of_its_name_and_its_address(
    get_page: GetPage, new_users: NewUsers, words: str
) -> None:
    await new_users(("ada.lovelace@example.com", "Augusta King-Byron"), ("grace@example.org", "Grace Hopper"))

    page = await get_page(q=words)

    assert emails(page) == ["ada.lovelace@example.com"]


@pytest.mark.parametrize("words", ["lovelac e", "ing", "ada grace", "a&b", "'", "@", "!", "\\", "%"])
async def test_other_words_find_nobody(get_page: GetPage, new_users: NewUsers, words: str) -> None:
    await new_users(("ada.lovelace@example.com", "Augusta King"), ("grace@example.org", "Grace Hopper"))

    page = await get_page(q=words)

    assert page == {"items": [], "next_cursor": None}


async def test_a_cursor_is_good_for_its_own_search_only(
    client: httpx.AsyncClient, headers: dict[str, str], get_page: GetPage, new_users: NewUsers
) -> None:
    await new_users(("ada@example.com", ""), ("adam@example.com", ""))
    cursor = (await get_page(limit=1, q="ada"))["next_cursor"]

    response = await client.get(USERS, params={"limit": 1, "q": "adam", "cursor": cursor}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    "parameters", [{"limit": 0}, {"limit": 101}, {"limit": "ten"}, {"q": ""}, {"q": "x" * 201}, {"skip": 5}]
)
async def test_parameters_that_mean_no_page_are_refused(
    client: httpx.AsyncClient, headers: dict[str, str], parameters: dict[str, str | int]
) -> None:
    response = await client.get(USERS, params=parameters, headers=headers)

    assert response.status_code == 422
