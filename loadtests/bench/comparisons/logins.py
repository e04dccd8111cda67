"""Logins: ours beside bare verifications of a password, and what they take from others meanwhile."""

import statistics
from collections.abc import Sequence
from urllib.parse import urlencode

from loadtests.bench.comparisons.items import GET_ONE, get_one
from loadtests.bench.databases import PASSWORD
from loadtests.bench.environment import Bench
from loadtests.bench.generator import Load, Run, finish_load, run_load, start_load
from loadtests.bench.measurement import Comparison, Ratio, rate_of
from loadtests.bench.processes import Stack

LOGIN = "POST a login"
# A verification takes 30 ms, so that a shorter round has too few.
LEAST_SECONDS = 4
# Begun before the reads and ended after them.
MARGIN_SECONDS = 1


def log_in(bench: Bench) -> Load:
    """Log in to one account after the other."""
    forms = [{"grant_type": "password", "username": email, "password": PASSWORD} for email in bench.accounts.emails]
    return Load(
        name=LOGIN,
        paths=["/api/v1/auth/login"],
        method="POST",
        bodies=[urlencode(form) for form in forms],
        content_type="application/x-www-form-urlencoded",
    )


def compare_logins(bench: Bench) -> Comparison:
    """Compare logins with what they can't do without, and reads with and without logins on the same cores."""
    seconds = max(bench.seconds, LEAST_SECONDS)
    logins = log_in(bench)
    with bench.auth_service(bench.accounts.url) as auth:
        with bench.compared("argon2", database_url=bench.accounts.url) as argon2:
            results = bench.measure(logins, argon2, auth, seconds=seconds)
        with bench.items_service(bench.items.url) as items:
            alone, beside = _p99_of_reads(bench, items, logins=logins, auth=auth)
    ours = rate_of(results, load=LOGIN, stack="tandem") / rate_of(results, load=LOGIN, stack="argon2")
    return Comparison(
        reference="argon2",
        results=results,
        ratios=[
            Ratio(what=f"{LOGIN}: ours / bare argon2 on the same cores", measured=ours, at_least=0.90),
            Ratio(what=f"p99 of {GET_ONE}: beside logins / without", measured=beside / alone, at_most=2.0),
        ],
        note=f"The p99 of {GET_ONE} is {1e3 * alone:.1f} ms without logins and {1e3 * beside:.1f} ms beside as many as"
        " both cores take.\n",
    )


def _p99_of_reads(bench: Bench, items: Stack, *, logins: Load, auth: Stack) -> tuple[float, float]:
    """Return what it is without logins, and while as many log in as can."""
    reads = get_one(bench)
    alone, beside = [], []
    for _ in range(bench.rounds):
        alone.append(run_load(reads, url=items.url, seconds=bench.seconds, directory=bench.directory))
        seconds = bench.seconds + 2 * MARGIN_SECONDS
        generator = start_load(logins, url=auth.url, seconds=seconds, directory=bench.directory)
        beside.append(run_load(reads, url=items.url, seconds=bench.seconds, directory=bench.directory))
        finish_load(logins, generator)
    return _median_p99(alone), _median_p99(beside)


def _median_p99(runs: Sequence[Run]) -> float:
    return statistics.median(run.p99_seconds for run in runs)
