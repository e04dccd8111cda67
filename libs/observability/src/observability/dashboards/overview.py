"""The first dashboard to open: is everything as promised, and what changed?"""

from observability.burn_rates import BURN_RATES
from observability.dashboards.panels import (
    Dashboard,
    Panel,
    Query,
    Threshold,
    Unit,
    labels,
    number,
    per_second,
    quantile,
)
from observability.dashboards.requests import COUNT, DURATION, burn_rate_queries, error_share, slo
from observability.objectives import Availability, Freshness, Latency, Objectives

NO_LONG_POLL = 'http_route!="/internal/events"'
BUDGET_COLOURS = [Threshold(0, "orange"), Threshold(0.25, "green")]


def overview(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="tandem-overview",
        title="Tandem / Overview",
        description="Objectives and their budgets, both services' requests, and what changed.",
        panels=[
            *(_budget_left(objective) for objective in objectives.objectives),
            _burn_rates(objectives),
            _alerts(),
            _requests(),
            _errors(),
            _durations(),
            _versions(),
            _replicas(),
            _ready_replicas(),
        ],
    )


def _budget_left(objective: Availability | Latency | Freshness) -> Panel:
    return number(
        f"{objective.name.replace('-', ' ').capitalize()} budget",
        f"1 - max (slo:error_ratio:rate30d{labels(slo(objective))}) / {objective.budget:g}",
        description=f"What is left for 30 days. {objective.description} Objective: {objective.percent:g} %.",
        unit=Unit.SHARE,
        thresholds=BUDGET_COLOURS,
        base_colour="red",
        runbook=f"{objective.name}-budget-burn",
    )


def _burn_rates(objectives: Objectives) -> Panel:
    fast, slow = (rate for rate in BURN_RATES if rate.severity == "page")
    return Panel(
        title="How fast budgets burn",
        description=(
            f"Over one hour. At 1 a budget lasts 30 days; a page comes at {slow.factor:g} over {slow.long_window} "
            f"or {fast.factor:g} over {fast.long_window}."
        ),
        unit=Unit.NUMBER,
        queries=burn_rate_queries(objectives),
        width=16,
        thresholds=[Threshold(slow.factor, "orange"), Threshold(fast.factor, "red")],
    )


def _alerts() -> Panel:
    return Panel(
        title="Alerts",
        description="How many alerts are pending or firing. An alert's runbook is in its annotation runbook_url.",
        unit=Unit.NUMBER,
        queries=[
            Query(f"sum by (alertname, alertstate) (ALERTS{labels()}) or vector(0)", "{{alertname}} {{alertstate}}")
        ],
        width=8,
        stacked=True,
    )


def _requests() -> Panel:
    return Panel(
        title="Requests",
        description="Requests a second by service; probes and metrics are not counted.",
        unit=Unit.REQUESTS_PER_SECOND,
        queries=[Query(per_second(COUNT, by="job"), "{{job}}")],
    )


def _errors() -> Panel:
    return Panel(
        title="Errors",
        description="The share of answers that are a 5xx.",
        unit=Unit.SHARE,
        queries=[Query(error_share(by="job"), "{{job}}")],
        runbook="items-availability-budget-burn",
    )


def _durations() -> Panel:
    return Panel(
        title="Durations",
        description="Half of the requests, and 99 of 100, are answered within this time; long polls are left out.",
        unit=Unit.SECONDS,
        queries=[
            Query(quantile(0.5, DURATION, by="job", matchers=(NO_LONG_POLL,)), "{{job}} p50"),
            Query(quantile(0.99, DURATION, by="job", matchers=(NO_LONG_POLL,)), "{{job}} p99", exemplars=True),
        ],
    )


def _versions() -> Panel:
    return Panel(
        title="What changed: versions",
        description="Replicas by version and revision: a rollout shows as one line that replaces another.",
        unit=Unit.NUMBER,
        queries=[
            Query(f"sum by (job, version, revision) (tandem_build_info{labels()})", "{{job}} {{version}} {{revision}}")
        ],
        stacked=True,
    )


def _replicas() -> Panel:
    return Panel(
        title="What changed: restarts",
        description="How long the youngest replica has run; it falls to zero with every start.",
        unit=Unit.SECONDS,
        queries=[Query(f"time() - max by (job) (process_start_time_seconds{labels()})", "{{job}}")],
        runbook="target-missing",
    )


def _ready_replicas() -> Panel:
    return Panel(
        title="Ready replicas (cluster)",
        description="Replicas that take requests, as Kubernetes sees them; needs kube-state-metrics.",
        unit=Unit.NUMBER,
        queries=[
            Query(
                f"sum by (deployment) (kube_deployment_status_replicas_ready{labels(DEPLOYMENTS)})",
                "{{deployment}}",
            )
        ],
        runbook="no-ready-replica",
        cluster_only=True,
    )


DEPLOYMENTS = 'deployment=~"(.+-)?(auth|items)-service"'
