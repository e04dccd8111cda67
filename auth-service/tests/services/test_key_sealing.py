"""Keys outlive the secret that they were sealed with."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

# Replicas are made and described in conftest.py.
NewReplica = Callable[..., Any]

OLD_SECRET, NEW_SECRET = "old-secret-" * 3, "new-secret-" * 3
NEVER = timedelta(days=1)


async def test_a_rotation_makes_the_older_secret_unnecessary(new_replica: NewReplica) -> None:
    first = await new_replica(secret_key=OLD_SECRET).signing_id()
    both = new_replica(secret_key=f"{NEW_SECRET},{OLD_SECRET}")

    rotations = [await both.rotate(if_older_than=NEVER) for _ in range(2)]

    assert [rotation.resealed for rotation in rotations] == [1, 0]
    assert await new_replica(secret_key=NEW_SECRET).signing_id() == first


async def test_a_process_goes_on_with_a_key_that_was_sealed_with_a_secret_it_does_not_have_yet(
    new_replica: NewReplica,
) -> None:
    old = new_replica(secret_key=OLD_SECRET)
    first = await old.signing_id()

    await new_replica(secret_key=f"{NEW_SECRET},{OLD_SECRET}").rotate(if_older_than=NEVER)
    await asyncio.sleep(0.2)

    assert await old.signing_id() == first
    assert len(await old.states()) == 1


async def test_who_cannot_decrypt_the_successor_signs_on_and_its_key_stays_published(new_replica: NewReplica) -> None:
    old = new_replica(secret_key=OLD_SECRET)
    first = await old.signing_id()
    new = new_replica(secret_key=f"{NEW_SECRET},{OLD_SECRET}")
    await new.rotate()
    second = await new.other_than(first)
    await new.until_signing(second)

    await asyncio.sleep(1)

    assert await old.signing_id() == first
    assert await new.published_ids() == await old.published_ids() == {first, second}
