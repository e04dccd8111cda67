"""A key that leaked is taken from everybody at once, and another signs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from auth_service.errors import SigningKeyNotFoundError

# Replicas are made and described in conftest.py.
NewReplica = Callable[..., Any]

NEVER = timedelta(days=1)


async def test_a_dropped_key_is_replaced_by_a_new_one_everywhere(new_replica: NewReplica) -> None:
    replicas = [new_replica(), new_replica()]
    [leaked, _] = [await replica.signing_id() for replica in replicas]

    replacement = await replicas[0].drop(leaked)
    successor = replacement.signing.key.id

    assert replacement.is_new
    for replica in replicas:
        await replica.until_published(successor)
        assert await replica.signing_id() == successor
        assert set(await replica.keys.keys_for(str(leaked))) == {str(successor)}


async def test_a_key_that_waits_signs_at_once_when_the_one_before_is_dropped(new_replica: NewReplica) -> None:
    replica = new_replica(times={"publish_before_signing": NEVER})
    leaked = await replica.signing_id()
    await replica.rotate()
    waiting = await replica.other_than(leaked)

    replacement = await replica.drop(leaked)

    assert (replacement.signing.key.id, replacement.is_new) == (waiting, False)
    await replica.until_signing(waiting)


async def test_a_key_that_retires_signs_again_when_its_successor_is_dropped(new_replica: NewReplica) -> None:
    replica = new_replica(times={"token_lifetime": NEVER})
    first = await replica.signing_id()
    await replica.rotate()
    leaked = await replica.other_than(first)
    await replica.until_signing(leaked)

    replacement = await replica.drop(leaked)

    assert (replacement.signing.key.id, replacement.is_new) == (first, False)
    await replica.until_signing(first)


async def test_a_key_that_is_gone_does_not_return_when_its_successor_is_dropped(new_replica: NewReplica) -> None:
    replica = new_replica()
    first = await replica.signing_id()
    await replica.rotate()
    leaked = await replica.other_than(first)
    await replica.until_published(leaked)

    replacement = await replica.drop(leaked)

    assert replacement.is_new


async def test_other_services_and_the_audit_trail_hear_of_a_dropped_key(
    new_replica: NewReplica, stored: asyncpg.Connection
) -> None:
    replica = new_replica()
    leaked = await replica.signing_id()

    await replica.drop(leaked)

    [event] = await stored.fetch("SELECT type, subject, data FROM outbox_events")
    assert tuple(event) == ("signing_key.dropped", str(leaked), "{}")
    trail = await stored.fetch(
        "SELECT type, details ->> 'key_id' = $1 AS leaked FROM audit_events ORDER BY id", str(leaked)
    )
    assert [tuple(row) for row in trail] == [
        ("signing_key.created", True),
        ("signing_key.dropped", True),
        ("signing_key.created", False),
    ]


async def test_a_key_that_does_not_exist_cannot_be_dropped(new_replica: NewReplica) -> None:
    replica = new_replica()
    await replica.signing_id()

    with pytest.raises(SigningKeyNotFoundError):
        await replica.drop(uuid4())
