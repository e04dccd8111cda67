"""Panels about HTTP requests, which every service has."""

from observability.dashboards.panels import Panel, Query, Threshold, Unit, labels, number, per_second, quantile
from observability.objectives import Availability, Freshness, Latency, Objectives

DURATION = "http_server_request_duration_seconds"
COUNT = f"{DURATION}_count"
ERRORS = 'http_response_status_code=~"5.."'


def matchers_of(objective: Availability | Latency) -> tuple[str, ...]:
    """Return what selects the requests that an objective is about."""
    methods = "|".join(objective.methods)
    return (
        f'job="{objective.service}"',
        f'http_route=~"{objective.routes}"',
        f'http_request_method=~"{methods}"',
    )


def latency_panel(objective: Latency, *, title: str) -> Panel:
    """Draw quantiles of the requests of an objective, with its threshold as a line."""
    matchers = matchers_of(objective)
    return Panel(
        title=title,
        description=f"{objective.description} The red line is what {objective.percent:g} % have to keep.",
        unit=Unit.SECONDS,
        queries=[
            Query(quantile(0.5, DURATION, matchers=matchers), "p50"),
            Query(quantile(0.95, DURATION, matchers=matchers), "p95"),
            Query(quantile(0.99, DURATION, matchers=matchers), "p99", exemplars=True),
        ],
        thresholds=[Threshold(objective.threshold_seconds, "red")],
        runbook=f"{objective.name}-budget-burn",
    )


def p99_number(objective: Latency, *, title: str) -> Panel:
    """Show the time within which 99 of 100 requests of an objective are answered."""
    return number(
        title,
        quantile(0.99, DURATION, matchers=matchers_of(objective)),
        description=objective.description,
        unit=Unit.SECONDS,
        thresholds=[Threshold(objective.threshold_seconds, "red")],
        runbook=f"{objective.name}-budget-burn",
    )


def errors_number(objective: Availability) -> Panel:
    """Show the share of a service's answers that are a 5xx; red from the share on that its objective leaves."""
    return number(
        "Errors",
        error_share(matchers=(f'job="{objective.service}"',)),
        description="The share of answers that are a 5xx.",
        unit=Unit.SHARE,
        thresholds=[Threshold(objective.budget, "red")],
        runbook=f"{objective.name}-budget-burn",
    )


def error_share(*, by: str = "", matchers: tuple[str, ...] = ()) -> str:
    """Return the share of requests that were answered with a 5xx; 0 as long as none was."""
    everything = per_second(COUNT, by=by, matchers=matchers)
    return f"({per_second(COUNT, by=by, matchers=(*matchers, ERRORS))} or 0 * {everything}) / {everything}"


def request_panel(service: str) -> Panel:
    """Draw the requests of a service by status."""
    return Panel(
        title="Requests by status",
        description="Requests a second by the status of their answer. 4xx are refusals, 5xx spend the error budget.",
        unit=Unit.REQUESTS_PER_SECOND,
        queries=[
            Query(
                per_second(COUNT, by="http_response_status_code", matchers=(f'job="{service}"',)),
                "{{http_response_status_code}}",
                exemplars=True,
            )
        ],
        stacked=True,
        runbook=f"{'login' if service == 'auth-service' else 'items'}-availability-budget-burn",
    )


def busiest_routes_panel(service: str) -> Panel:
    """Draw the requests of a service by what was asked for."""
    rates = per_second(COUNT, by="http_request_method, http_route", matchers=(f'job="{service}"',))
    return Panel(
        title="Busiest routes",
        description="The eight routes that were asked for most, in requests a second.",
        unit=Unit.REQUESTS_PER_SECOND,
        queries=[Query(f"topk(8, {rates})", "{{http_request_method}} {{http_route}}")],
    )


def burn_rate_queries(objectives: Objectives) -> list[Query]:
    """Return how many times too fast each objective's budget is spent."""
    return [
        Query(f"max (slo:error_ratio:rate1h{labels(slo(objective))}) / {objective.budget:g}", objective.name)
        for objective in objectives.objectives
    ]


def slo(objective: Availability | Latency | Freshness) -> str:
    """Return what selects what was recorded of an objective."""
    return f'slo="{objective.name}"'
