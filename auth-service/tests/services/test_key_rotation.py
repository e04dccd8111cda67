"""Keys are published before they sign, and until their last token has expired."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from auth_service.errors import TooManySigningKeysError
from auth_service.models import KeyState
from service_chassis.access_tokens.keys import MAXIMUM_KEYS

# Replicas are made and described in conftest.py.
NewReplica = Callable[..., Any]

LONG_AGO = "UPDATE signing_keys SET created_at = now() - interval '40 days'"
ONE_MORE = """
INSERT INTO signing_keys (id, algorithm, public_jwk, sealed_private_key, signs_from)
SELECT gen_random_uuid(), algorithm, public_jwk, sealed_private_key, signs_from - interval '1 hour'
FROM signing_keys LIMIT 1
"""
NEVER = timedelta(days=1)


async def test_a_new_key_is_published_before_it_signs(new_replica: NewReplica) -> None:
    replica = new_replica(times={"publish_before_signing": timedelta(seconds=1)})
    first = await replica.signing_id()

    await replica.rotate()
    second = await replica.other_than(first)
    await replica.until_published(first, second)
    signing_meanwhile = await replica.signing_id()
    await replica.until_signing(second)

    assert signing_meanwhile == first


async def test_a_superseded_key_stays_published_until_its_last_token_has_expired(new_replica: NewReplica) -> None:
    replica = new_replica()
    clock = asyncio.get_running_loop().time
    first = await replica.signing_id()
    await replica.rotate()
    last_signed_at = clock()
    while await replica.signing_id() == first:
        last_signed_at = clock()
        await asyncio.sleep(0.005)

    await replica.until_published(await replica.other_than(first))

    # The token lifetime of these replicas.
    assert clock() - last_signed_at >= 0.3
    assert (await replica.states())[first] is KeyState.GONE


async def test_the_next_rotation_deletes_a_key_that_is_gone(new_replica: NewReplica) -> None:
    replica = new_replica()
    first = await replica.signing_id()
    await replica.rotate()
    second = await replica.other_than(first)
    await replica.until_published(second)

    rotation = await replica.rotate(if_older_than=NEVER)

    assert (rotation.new_key, rotation.deleted) == (None, 1)
    assert await replica.states() == {second: KeyState.SIGNING}


async def test_a_token_lifetime_that_was_shortened_does_not_shorten_the_promise_of_before(
    new_replica: NewReplica,
) -> None:
    before = new_replica(times={"token_lifetime": timedelta(hours=24)}, follows=False)
    first = await before.signing_id()

    after = new_replica(times={"token_lifetime": timedelta(seconds=0.01)})
    await after.rotate()
    await after.until_signing(await after.other_than(first))
    await asyncio.sleep(1)

    assert first in await after.published_ids()
    assert (await after.states())[first] is KeyState.RETIRING


async def test_rotating_again_adds_no_key_while_one_waits(new_replica: NewReplica) -> None:
    replica = new_replica()
    await replica.signing_id()

    rotations = [await replica.rotate() for _ in range(2)]

    assert [rotation.new_key is not None for rotation in rotations] == [True, False]


async def test_two_rotations_at_once_make_one_key(new_replica: NewReplica) -> None:
    first, second = new_replica(), new_replica()
    await first.signing_id()

    rotations = await asyncio.gather(first.rotate(), second.rotate())

    assert sorted(rotation.new_key is not None for rotation in rotations) == [False, True]
    assert len(await first.states()) == 2


async def test_only_a_key_that_is_old_enough_is_rotated(new_replica: NewReplica, stored: asyncpg.Connection) -> None:
    replica = new_replica()
    await replica.signing_id()

    young = await replica.rotate(if_older_than=timedelta(days=30))
    await stored.execute(LONG_AGO)
    old = await replica.rotate(if_older_than=timedelta(days=30))

    assert (young.new_key is None, old.new_key is None) == (True, False)


async def test_the_first_rotation_makes_a_key_that_signs_at_once(new_replica: NewReplica) -> None:
    replica = new_replica(times={"publish_before_signing": NEVER}, follows=False)

    rotation = await replica.rotate()

    assert rotation.new_key is not None
    assert rotation.new_key.state is KeyState.SIGNING


async def test_no_more_keys_are_made_than_verifiers_take(new_replica: NewReplica, stored: asyncpg.Connection) -> None:
    replica = new_replica()
    await replica.signing_id()
    copies = "INSERT INTO signing_keys (id, algorithm, public_jwk, sealed_private_key, signs_from) SELECT $1, algorithm"
    for _ in range(MAXIMUM_KEYS - 1):
        await stored.execute(
            f"{copies}, public_jwk, sealed_private_key, signs_from - interval '1 hour' FROM signing_keys LIMIT 1",
            uuid4(),
        )

    with pytest.raises(TooManySigningKeysError):
        await replica.rotate()


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
async def test_another_algorithm_is_published_before_it_signs(new_replica: NewReplica, algorithm: str) -> None:
    before = new_replica(algorithm="ES256")
    first = await before.signing_id()

    after = new_replica(algorithm=algorithm, times={"publish_before_signing": timedelta(seconds=1)})
    meanwhile = await after.keys.signing_key()
    second = await after.other_than(first)
    await asyncio.gather(before.until_signing(second), after.until_signing(second))

    assert (meanwhile.key_id, meanwhile.algorithm) == (first, "ES256")
    assert (await before.keys.signing_key()).algorithm == algorithm


async def test_another_algorithm_makes_a_rotation_due(new_replica: NewReplica) -> None:
    await new_replica(algorithm="ES256").signing_id()
    command = new_replica(algorithm="EdDSA", follows=False)

    rotation = await command.rotate(if_older_than=NEVER)

    assert rotation.new_key is not None
    assert (rotation.new_key.key.algorithm, rotation.new_key.state) == ("EdDSA", KeyState.PUBLISHED)
