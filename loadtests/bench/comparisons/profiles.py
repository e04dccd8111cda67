"""Where the processor time of our answers goes, function by function: what stands between us and the limit."""

from loadtests.bench.comparisons.items import create_item, get_one, list_items
from loadtests.bench.comparisons.logins import log_in
from loadtests.bench.comparisons.refreshes import exchange_tokens
from loadtests.bench.environment import Bench
from loadtests.bench.generator import Load, finish_load, run_load, start_load
from loadtests.bench.measurement import WARM_UP_SECONDS, Comparison
from loadtests.bench.processes import Stack
from loadtests.bench.sampling import SAMPLES_PER_SECOND, as_table, by_function, by_package, sample

SECONDS = 4
# The load lasts from before the first look until after the last.
MARGIN_SECONDS = 2
NOTE = f"""py-spy looked {SAMPLES_PER_SECOND} times a second for {SECONDS} s at the serving process under load, and
counted where it ran or could have run: a system call that wakes another process, which then takes the core, looks
longer than it is. What a function calls in C, system calls included, counts as its own.
"""


def profile_requests(bench: Bench) -> Comparison:
    """Profile each request that is compared."""
    with (
        bench.items_service(bench.items.url) as items,
        bench.auth_service(bench.accounts.url) as auth,
    ):
        profiles = [_profile(bench, load(bench), stack=items) for load in (get_one, list_items, create_item)]
        # One to warm up, one to be watched.
        refreshes = exchange_tokens(bench, runs=2, seconds=SECONDS + MARGIN_SECONDS)
        profiles += [_profile(bench, load, stack=auth) for load in (refreshes, log_in(bench))]
    return Comparison(ratios=[], note="\n".join([NOTE, *profiles]))


def _profile(bench: Bench, load: Load, *, stack: Stack) -> str:
    run_load(load, url=stack.url, seconds=WARM_UP_SECONDS, directory=bench.directory)
    generator = start_load(load, url=stack.url, seconds=SECONDS + MARGIN_SECONDS, directory=bench.directory)
    stacks = sample(stack.process.pid, seconds=SECONDS, directory=bench.directory)
    finish_load(load, generator)
    tables = [as_table("whose code", by_package(stacks)), as_table("function", by_function(stacks))]
    return "\n".join([f"### {load.name}\n", *tables])
