"""GET /auth/audit-events: the audit trail, a page at a time, for superusers."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from auth_service.schemas.users import UserWithToken

AUDIT_EVENTS = "/api/v1/auth/audit-events"
NewUser = Callable[..., Awaitable[UserWithToken]]


def authorization(user: UserWithToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {user.token.access_token}"}


async def fail_to_log_in(client: httpx.AsyncClient, *, times: int) -> None:
    for number in range(times):
        form = {"username": "ada@example.com", "password": f"wrong one {number}"}
        await client.post("/api/v1/auth/login", data=form, headers={"User-Agent": f"attempt {number}"})


async def test_a_superuser_sees_what_happened_the_newest_first(
    client: httpx.AsyncClient, new_superuser: NewUser, new_user: NewUser
) -> None:
    root, ada = await new_superuser(), await new_user("ada@example.com")
    await fail_to_log_in(client, times=2)

    response = await client.get(AUDIT_EVENTS, headers=authorization(root))

    newest, second = response.json()["items"][:2]
    assert (newest["type"], newest["user_id"], newest["address"]) == ("login.failed", str(ada.id), "127.0.0.1")
    assert (newest["user_agent"], second["user_agent"]) == ("attempt 1", "attempt 0")


async def test_every_event_is_on_one_page_while_more_happen(
    client: httpx.AsyncClient, new_superuser: NewUser, new_user: NewUser
) -> None:
    root, ada = await new_superuser(), await new_user("ada@example.com")
    await fail_to_log_in(client, times=5)

    url = f"{AUDIT_EVENTS}?user_id={ada.id}&limit=2"
    seen = []
    while url:
        response = await client.get(url, headers=authorization(root))
        seen += [event["user_agent"] for event in response.json()["items"] if event["type"] == "login.failed"]
        url = response.links["next"]["url"] if response.json()["next_cursor"] else ""
        await fail_to_log_in(client, times=1)

    assert seen == [f"attempt {number}" for number in (4, 3, 2, 1, 0)]


async def test_an_account_is_asked_for_alone(
    client: httpx.AsyncClient, new_superuser: NewUser, new_user: NewUser
) -> None:
    root, ada = await new_superuser(), await new_user("ada@example.com")
    await new_user("grace@example.com")

    response = await client.get(AUDIT_EVENTS, params={"user_id": str(ada.id)}, headers=authorization(root))

    assert {event["user_id"] for event in response.json()["items"]} == {str(ada.id)}


async def test_a_cursor_of_another_list_is_refused(
    client: httpx.AsyncClient, new_superuser: NewUser, new_user: NewUser
) -> None:
    root, ada = await new_superuser(), await new_user("ada@example.com")
    page = (await client.get(AUDIT_EVENTS, params={"limit": 1}, headers=authorization(root))).json()

    parameters = {"user_id": str(ada.id), "cursor": page["next_cursor"]}
    response = await client.get(AUDIT_EVENTS, params=parameters, headers=authorization(root))

    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


async def test_nobody_else_sees_it(client: httpx.AsyncClient, new_user: NewUser) -> None:
    response = await client.get(AUDIT_EVENTS, headers=authorization(await new_user()))

    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nobody_changes_it(client: httpx.AsyncClient, new_superuser: NewUser, method: str) -> None:
    response = await client.request(method, AUDIT_EVENTS, headers=authorization(await new_superuser()))

    assert response.status_code == 405
