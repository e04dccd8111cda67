"""What a process of each service takes: until it is ready, while nobody asks, and while many do."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from loadtests.bench.comparisons.items import GET_ONE, get_one
from loadtests.bench.comparisons.logins import LOGIN, log_in
from loadtests.bench.comparisons.memory import profile_memory
from loadtests.bench.environment import Bench
from loadtests.bench.measurement import Comparison, Ratio
from loadtests.bench.processes import Stack

# What a process does at its start goes on for a moment after it is ready.
SETTLING_SECONDS = 2.0
IDLE_SECONDS = 8.0


def measure_frugality(bench: Bench) -> Comparison:
    """Start both services on one core each, leave them alone, then load them."""
    with ExitStack() as running:
        with _one_core():
            stacks = [
                running.enter_context(bench.items_service(bench.items.url, name="items-service")),
                running.enter_context(bench.auth_service(bench.accounts.url, name="auth-service")),
            ]
        idle, ready = _idle_shares(stacks), [stack.resident_megabytes() for stack in stacks]
        bench.measure_each(list(zip([get_one(bench), log_in(bench)], stacks, strict=True)))
        loaded = [stack.resident_megabytes() for stack in stacks]
        shared = [stack.shared_megabytes() for stack in stacks]
    ratios = []
    for stack, share, megabytes in zip(stacks, idle, loaded, strict=True):
        ratios += [
            Ratio(what=f"{stack.name}: seconds to ready, on one core", measured=stack.seconds_to_ready, at_most=1.5),
            Ratio(what=f"{stack.name}: % of a core while idle", measured=100 * share, at_most=1.0),
            Ratio(what=f"{stack.name}: resident MB under load", measured=megabytes, at_most=100),
        ]
    added = [profile_memory(s.name, ready=r, loaded=u) for s, r, u in zip(stacks, ready, loaded, strict=True)]
    return Comparison(ratios=ratios, note=f"{_note(stacks)}\n{_memory_table(added, shared=shared)}")


@contextmanager
def _one_core() -> Iterator[None]:
    """Let what is started meanwhile, which takes after this process, have one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _note(stacks: list[Stack]) -> str:
    starts = " and ".join(f"{stack.cpu_seconds_to_ready:.1f} s for {stack.name}" for stack in stacks)
    loads = f"{IDLE_SECONDS:g} idle seconds; the loads were {GET_ONE} and {LOGIN}."
    return f"{loads} Of its seconds to ready a process works {starts}.\n"


def _memory_table(added: Sequence[Mapping[str, float]], *, shared: Sequence[float]) -> str:
    lines = ["| what fills the memory, MB | items-service | auth-service |", "|---|---:|---:|"]
    lines += [f"| {name} | {' | '.join(f'{each[name]:.1f}' for each in added)} |" for name in added[0]]
    lines.append(f"| of all that, files' pages that all processes share | {shared[0]:.1f} | {shared[1]:.1f} |")
    return "\n".join(lines) + "\n"


def _idle_shares(stacks: list[Stack]) -> list[float]:
    time.sleep(SETTLING_SECONDS)
    before = [stack.cpu_seconds() for stack in stacks]
    time.sleep(IDLE_SECONDS)
    return [(stack.cpu_seconds() - used) / IDLE_SECONDS for stack, used in zip(stacks, before, strict=True)]
