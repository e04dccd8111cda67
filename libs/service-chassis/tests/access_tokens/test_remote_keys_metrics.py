"""What is told of fetching another service's keys."""

import asyncio

from local_stack.polling import poll_until
from service_chassis.access_tokens.remote_keys import RemoteKeys
from service_chassis.metrics import Gauges
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.key_server import KeyServer
from service_chassis.testing.metrics import metric, rise_of

FETCHES = "tandem_verification_key_fetches_total"
AGE = "tandem_verification_keys_age_seconds"


async def test_fetches_are_counted_by_what_became_of_them_and_age_is_the_last_good_ones(issuer: TokenIssuer) -> None:
    with KeyServer(issuer.key_set()) as server:
        keys = RemoteKeys(server.url, refresh_seconds=0.01)
        gauges = Gauges(keys.read_gauges)
        gauges.start()
        with rise_of(FETCHES, outcome="succeeded") as succeeded:
            await keys.start()
            await poll_until(lambda: server.requests == 2, every_seconds=0.005)
            age_while_all_is_well = metric(AGE)
        server.status = 500
        await asyncio.sleep(0.05)
        with rise_of(FETCHES, outcome="failed") as failed, rise_of(FETCHES, outcome="succeeded") as not_succeeded:
            requests = server.requests
            await poll_until(lambda: server.requests > requests + 2, every_seconds=0.005)
            known, age = metric("tandem_verification_keys"), metric(AGE)
        await keys.close()
        gauges.close()

    assert succeeded.by >= 1
    assert (failed.by >= 1, not_succeeded.by) == (True, 0)
    assert (known, age > age_while_all_is_well) == (1, True)
