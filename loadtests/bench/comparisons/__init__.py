"""What is compared, and the ratios that are to be reached: a module for each part."""

from collections.abc import Callable

from loadtests.bench.comparisons.collector import compare_collector
from loadtests.bench.comparisons.frugality import measure_frugality
from loadtests.bench.comparisons.items import compare_items
from loadtests.bench.comparisons.ladder import climb_ladder
from loadtests.bench.comparisons.logins import compare_logins
from loadtests.bench.comparisons.pages import compare_pages
from loadtests.bench.comparisons.profiles import profile_requests
from loadtests.bench.comparisons.refreshes import compare_refreshes
from loadtests.bench.comparisons.workers import compare_workers
from loadtests.bench.environment import Bench
from loadtests.bench.measurement import Comparison

COMPARISONS: dict[str, Callable[[Bench], Comparison]] = {
    "items": compare_items,
    "logins": compare_logins,
    "refreshes": compare_refreshes,
    "workers": compare_workers,
    "collector": compare_collector,
    "pages": compare_pages,
    "frugality": measure_frugality,
    "ladder": climb_ladder,
    "profiles": profile_requests,
}
