"""What this service tells of itself, on top of what every service does."""

import math
from uuid import uuid4

import httpx
import pytest

from local_stack.polling import poll_until
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.metrics import metric, rise_of

ITEMS = "/api/v1/items"
ITEM = {"title": "Tandem bicycle"}
CHANGED = "tandem_items_changed_total"
KEY_AGE = "tandem_verification_keys_age_seconds"


async def test_created_updated_and_deleted_items_are_counted(client: httpx.AsyncClient) -> None:
    with rise_of(CHANGED, action="created") as created, rise_of(CHANGED) as all_changes:
        location = (await client.post(ITEMS, json=ITEM)).headers["Location"]
        await client.post(f"{ITEMS}/batch", json={"items": [ITEM, ITEM]})
    with rise_of(CHANGED, action="updated") as updated, rise_of(CHANGED, action="deleted") as deleted:
        await client.patch(location, json={"title": "front"})
        await client.delete(location)

    assert (created.by, all_changes.by) == (3, 3)
    assert (updated.by, deleted.by) == (1, 1)


@pytest.mark.parametrize("headers", [{"If-Match": '"7"'}, {"Authorization": "Bearer nothing"}])
async def test_what_is_refused_changes_no_item(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    location = (await client.post(ITEMS, json=ITEM)).headers["Location"]

    with rise_of(CHANGED) as changes:
        await client.patch(location, json={"title": "front"}, headers=headers)
        await client.delete(location, headers=headers)

    assert changes.by == 0


async def test_a_repeated_request_is_counted_as_a_replay_and_not_as_an_item(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    with rise_of("tandem_idempotent_replays_total") as replays, rise_of(CHANGED) as changes:
        for _ in range(3):
            await client.post(ITEMS, json=ITEM, headers=key)

    assert (replays.by, changes.by) == (2, 1)


@pytest.mark.usefixtures("client")
async def test_what_is_denied_and_the_age_of_the_news_are_shown(database: EmptyableDatabase) -> None:
    age_before, entries_before = metric("tandem_event_feed_age_seconds"), metric("tandem_denylist_entries")

    await database.execute("INSERT INTO feed_cursor (followed_at) VALUES (now() - interval '10 seconds')")
    await database.execute(
        "INSERT INTO denials (kind, subject, minimum_rights_version, denied_until)"
        " VALUES ('session', gen_random_uuid(), 0, now() + interval '1 hour')"
    )
    await poll_until(lambda: metric("tandem_event_feed_age_seconds") < math.inf, every_seconds=0.02)
    await poll_until(lambda: metric("tandem_denylist_entries") == 1, every_seconds=0.02)

    assert (age_before, entries_before) == (math.inf, 0)
    assert 10 <= metric("tandem_event_feed_age_seconds") < 60


@pytest.mark.usefixtures("client")
async def test_the_keys_that_verify_tokens_and_their_age_are_shown() -> None:
    await poll_until(lambda: metric("tandem_verification_keys") == 1, every_seconds=0.02)

    assert 0 <= metric(KEY_AGE) < 60
