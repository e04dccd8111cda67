"""A real Prometheus over the real pair: every query finds data, and what breaks turns the right alert to firing."""

import contextlib
import math
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import yaml
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from local_stack.ports import free_port
from local_stack.running_pair import RunningPair
from local_stack.services import AUTH
from observability.dashboards import all_dashboards
from observability.generation import FOLDER, OBJECTIVES_FILE
from observability.objectives import read_objectives
from observability.pictures import write_pictures
from observability.pictures.drawing import PALETTE
from observability.prometheus import Prometheus

REPOSITORY = Path(__file__).parents[2]
OBJECTIVES = read_objectives(REPOSITORY / OBJECTIVES_FILE)
RULE_FILES = sorted((REPOSITORY / FOLDER / "rules").glob("*.yaml"))
# What only kube-state-metrics and cAdvisor tell, and what tells of trouble that a healthy pair has not.
CLUSTER_METRICS = {
    "kube_deployment_status_replicas_ready",
    "kube_pod_status_ready",
    "kube_pod_container_status_restarts_total",
    "kube_pod_container_resource_limits",
    "container_memory_working_set_bytes",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
}
SERVER_ERRORS = ',http_response_status_code=~"5.."'

# Which metric stands where in an expression: names that are followed by no parenthesis, outside of label lists.
LABEL_LIST = re.compile(r"\b(?:by|on|ignoring|without)\s*\([^)]*\)")
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)(\{[^}]*\})?(?![\w:(])(?!\s*\()")
KEYWORDS = {"and", "or", "unless", "bool"}


class Someone(Protocol):
    def live_a_day(self) -> None: ...
    def log_in(self) -> httpx.Response: ...
    def mistype(self) -> httpx.Response: ...
    def try_another_address(self) -> httpx.Response: ...


NewPerson = Callable[[], Someone]


def selectors_in(expression: str) -> list[tuple[str, str]]:
    """Return each metric of an expression with its label matchers."""
    text = re.sub(r"\[[^\]]*\]", "", LABEL_LIST.sub("", expression))
    return [(name, matchers) for name, matchers in SELECTOR.findall(text) if name not in KEYWORDS]


def in_this_run(expression: str) -> str:
    """Return a panel's expression with what Grafana would put in."""
    return expression.replace("$namespace", "local").replace("$__rate_interval", "10s")


def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(file.read_text()) for file in RULE_FILES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def has_data(prometheus: Prometheus, expression: str) -> bool:
    """Tell whether an expression gave a number in the last seconds."""
    now = time.time()
    found = prometheus.query_range(expression, start=now - 12, end=now, step_seconds=2)
    return any(not math.isnan(float(value)) for series in found for _, value in series["values"])


def is_firing(prometheus: Prometheus, alert: str, **labels: str) -> bool:
    return any({"alertname": alert, **labels}.items() <= firing.items() for firing in prometheus.firing_alerts())


@contextlib.contextmanager
def repeatedly(act: Callable[[], object], *, workers: int = 2) -> Iterator[None]:
    """Do the same again and again until the block ends."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            # A service that is stopped just now answers nobody.
            with contextlib.suppress(httpx.TransportError):
                act()

    with ThreadPoolExecutor(workers) as pool:
        working = [pool.submit(work) for _ in range(workers)]
        try:
            yield
        finally:
            over.set()
    for each in working:
        each.result()


def wait_until(claim: Callable[[], bool], *, prometheus: Prometheus, seconds: float = 30) -> None:
    """Return when the claim is true."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"not within {seconds} s; firing: {prometheus.firing_alerts()}"
        time.sleep(0.2)


def queries_without_data(prometheus: Prometheus, queries: dict[str, str]) -> list[str]:
    """Return the names of those queries that find nothing, even when they are given some time."""
    deadline = time.monotonic() + 20
    empty = list(queries)
    while empty and time.monotonic() < deadline:
        empty = [name for name in empty if not has_data(prometheus, queries[name])]
    return [f"{name}: {queries[name]}" for name in empty]


@pytest.fixture(scope="module")
def somebody(new_person: NewPerson) -> Someone:
    return new_person()


@pytest.fixture
def under_load(prometheus: Prometheus, somebody: Someone) -> Iterator[Prometheus]:
    with repeatedly(somebody.live_a_day):
        yield prometheus


def test_every_panel_finds_data(under_load: Prometheus) -> None:
    queries = {
        f"{dashboard.uid}, {panel.title}, {query.legend}": in_this_run(query.expression)
        for dashboard in all_dashboards(OBJECTIVES)
        for panel in dashboard.panels
        for query in panel.queries
        if not panel.cluster_only
    }

    empty = queries_without_data(under_load, queries)

    assert not empty, "\n".join(empty)


def test_every_rule_names_what_somebody_emits(under_load: Prometheus) -> None:
    selectors = {selector for rule in rules() for selector in selectors_in(rule["expr"])}
    # A healthy pair answers no 5xx, but its answers do have a status.
    queries = {
        name + matchers: name + matchers.replace(SERVER_ERRORS, "")
        for name, matchers in selectors
        if name not in CLUSTER_METRICS
    }

    empty = queries_without_data(under_load, queries)

    assert len(queries) > 20
    assert not empty, "\n".join(empty)


def test_every_recording_rule_records_each_objective(under_load: Prometheus) -> None:
    recorded = [
        f'{rule["record"]}{{slo="{each.name}"}}'
        for rule in rules()
        if "record" in rule
        for each in OBJECTIVES.objectives
    ]

    empty = queries_without_data(under_load, {query: query for query in recorded})

    assert not empty, "\n".join(empty)


def test_every_rule_is_evaluated_without_an_error(under_load: Prometheus) -> None:
    evaluated = under_load.rules()

    assert len(evaluated) == len(rules())
    assert [rule["lastError"] for rule in evaluated if rule.get("lastError")] == []


def test_a_healthy_pair_alerts_nobody(under_load: Prometheus) -> None:
    firing = {alert["alertname"] for alert in under_load.firing_alerts()}

    # How fast it answers depends on the machine that runs this test.
    assert {alert for alert in firing if "Latency" not in alert and "Lag" not in alert} == set()


def test_make_observe_watches_the_pair_until_it_is_told_to_stop(pair: RunningPair, tmp_path: Path) -> None:
    (tmp_path / ".tandem").symlink_to(pair.state_directory)
    (tmp_path / "deploy").symlink_to(REPOSITORY / "deploy")
    port = free_port()
    command = [sys.executable, "-m", "observability", "observe", "--port", str(port)]

    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        card = "".join(process.stdout.readline() for _ in range(6))
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(timeout=10)

    assert f"http://127.0.0.1:{port}/alerts" in card
    assert exit_code == 0
    assert list((tmp_path / ".tandem" / "prometheus" / "rules").iterdir()) != []


def test_panels_that_need_a_cluster_name_what_a_cluster_tells() -> None:
    expressions = [
        query.expression
        for dashboard in all_dashboards(OBJECTIVES)
        for panel in dashboard.panels
        for query in panel.queries
        if panel.cluster_only
    ]

    assert {name for expression in expressions for name, _ in selectors_in(expression)} <= CLUSTER_METRICS


@pytest.mark.resilience
def test_a_storm_of_wrong_passwords_alerts_until_it_is_over(prometheus: Prometheus, new_person: NewPerson) -> None:
    with repeatedly(new_person().mistype):
        wait_until(lambda: is_firing(prometheus, "LoginFailureSpike", severity="page"), prometheus=prometheus)

    wait_until(lambda: not is_firing(prometheus, "LoginFailureSpike"), prometheus=prometheus)


@pytest.mark.resilience
def test_a_stopped_service_alerts_until_it_is_back(prometheus: Prometheus, pair: RunningPair) -> None:
    pair.stop(AUTH)
    try:
        wait_until(lambda: is_firing(prometheus, "NoReadyReplica", job="auth-service"), prometheus=prometheus)
    finally:
        pair.start(AUTH)

    wait_until(lambda: not is_firing(prometheus, "NoReadyReplica"), prometheus=prometheus)


@pytest.mark.resilience
def test_a_halted_database_burns_the_budget_until_it_is_back(
    prometheus: Prometheus, pair: RunningPair, new_person: NewPerson
) -> None:
    burns = "LoginAvailabilityBudgetBurn"
    with repeatedly(new_person().try_another_address, workers=8):
        with pair.halted_database():
            wait_until(lambda: is_firing(prometheus, burns, severity="page"), prometheus=prometheus)

        fast = {"long_window": "1h", "short_window": "5m"}
        wait_until(lambda: not is_firing(prometheus, burns, **fast), prometheus=prometheus)


def test_a_dashboard_becomes_a_picture(prometheus: Prometheus, tmp_path: Path) -> None:
    file = next(write_pictures(prometheus, OBJECTIVES, directory=tmp_path))

    assert file.name == "overview.png"
    drawn = abs(imread(file)[..., :3] - to_rgb(PALETTE[0])).max(axis=-1) < 0.02
    # Half a minute of 15 is a short line; cards that cover what is drawn leave no such point.
    assert drawn.sum() > 20
