"""Refreshes: ours beside a bare callable with the same statements that signs the same token."""

from loadtests.bench.environment import Bench
from loadtests.bench.generator import SingleUseLoad
from loadtests.bench.measurement import Comparison, Ratio, rate_of

REFRESH = "POST a refresh"
# More than a server can exchange in that time.
TOKENS_PER_SECOND = 4000


def exchange_tokens(bench: Bench, *, runs: int, seconds: int) -> SingleUseLoad:
    """Exchange refresh tokens, each of which can be used once, in so many runs of at most that long."""
    tokens_per_run = TOKENS_PER_SECOND * seconds
    tokens = bench.accounts.new_refresh_tokens(tokens_per_run * runs)
    return SingleUseLoad(
        name=REFRESH,
        paths=["/api/v1/auth/refresh"],
        method="POST",
        bodies=[f'{{"refresh_token":"{token}"}}' for token in tokens],
        bodies_per_run=tokens_per_run,
    )


def compare_refreshes(bench: Bench) -> Comparison:
    """Compare what exchanges refresh tokens."""
    with (
        bench.auth_service(bench.accounts.url) as tandem,
        bench.compared("refresh", database_url=bench.accounts.url) as limit,
    ):
        load = exchange_tokens(bench, runs=(1 + bench.rounds) * 2, seconds=bench.seconds)
        results = bench.measure(load, limit, tandem)
    ours = rate_of(results, load=REFRESH, stack="tandem") / rate_of(results, load=REFRESH, stack="refresh")
    ratio = Ratio(what=f"{REFRESH}: ours / a bare callable with the same statements", measured=ours, at_least=0.50)
    return Comparison(reference="refresh", results=results, ratios=[ratio])
