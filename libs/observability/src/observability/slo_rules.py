"""Recording rules and burn-rate alerts from the objectives."""

from typing import Any

from observability.burn_rates import BASE_WINDOW_SECONDS, BURN_RATES, WINDOWS_SECONDS, BurnRate
from observability.durations import prometheus_duration
from observability.objectives import Availability, Freshness, Latency, Objectives

Rule = dict[str, Any]
ObjectiveOfAnyKind = Availability | Latency | Freshness

INTERVAL_SECONDS = 30
BASE = prometheus_duration(BASE_WINDOW_SECONDS)
STEP = prometheus_duration(INTERVAL_SECONDS)
BY = "by (namespace, job)"
RUNBOOKS = "deploy/observability/runbooks"
HISTOGRAM = "http_server_request_duration_seconds"


def slo_rules(objectives: Objectives) -> dict[str, Any]:
    """Return the rule file: what is recorded of each objective, then what alerts about it."""
    recordings = [rule for objective in objectives.objectives for rule in _recordings(objective)]
    ratios = [_error_ratio(seconds) for seconds in WINDOWS_SECONDS]
    groups = [_group("objectives", recordings + ratios)]
    for objective in objectives.objectives:
        alerts = [_alert(objective, rate, minimum_bad_events=objectives.minimum_bad_events) for rate in BURN_RATES]
        groups.append(_group(objective.name, alerts))
    return {"groups": groups}


def alert_name(objective: ObjectiveOfAnyKind) -> str:
    """Return the name that all burn-rate alerts of an objective share."""
    return "".join(word.capitalize() for word in objective.name.split("-")) + "BudgetBurn"


def error_ratio(window_seconds: int) -> str:
    """Return the name of the recorded share of bad events in a window."""
    return f"slo:error_ratio:rate{prometheus_duration(window_seconds)}"


def _group(name: str, rules: list[Rule]) -> dict[str, Any]:
    return {"name": name, "interval": prometheus_duration(INTERVAL_SECONDS), "rules": rules}


def _recordings(objective: ObjectiveOfAnyKind) -> list[Rule]:
    return [
        {"record": f"slo:events:rate{BASE}", "expr": _events(objective), "labels": {"slo": objective.name}},
        {"record": f"slo:bad_events:rate{BASE}", "expr": _bad_events(objective), "labels": {"slo": objective.name}},
    ]


def _error_ratio(window_seconds: int) -> Rule:
    """Record the share for every objective at once; they differ by their label `slo`."""
    bad, events = f"slo:bad_events:rate{BASE}", f"slo:events:rate{BASE}"
    if window_seconds > BASE_WINDOW_SECONDS:
        # Sums of what was recorded: cheap even over 30 days, and every request weighs the same.
        window = prometheus_duration(window_seconds)
        bad, events = f"sum_over_time({bad}[{window}])", f"sum_over_time({events}[{window}])"
    # Without a single event there is nothing to divide by, and nothing to say.
    return {"record": error_ratio(window_seconds), "expr": f"{bad}\n/\n({events} > 0)"}


def _events(objective: ObjectiveOfAnyKind) -> str:
    """Return how many events there are in a second."""
    if isinstance(objective, Freshness):
        return f"count {BY} ({objective.metric}) > bool 0"
    return _rate(objective, f"{HISTOGRAM}_count", _without_errors(objective))


def _bad_events(objective: ObjectiveOfAnyKind) -> str:
    """Return how many bad events there are in a second; 0 as long as no series tells of any."""
    if isinstance(objective, Freshness):
        too_old = f"max {BY} ({objective.metric}) > bool {objective.threshold_seconds:g}"
        return f"avg_over_time(({too_old})[{BASE}:{STEP}])"
    everything = _events(objective)
    if isinstance(objective, Latency):
        in_time = f'le="{float(objective.threshold_seconds)}"'
        return f"{everything}\n-\n{_rate(objective, f'{HISTOGRAM}_bucket', _without_errors(objective), in_time)}"
    return f"{_rate(objective, f'{HISTOGRAM}_count', _errors())}\nor\n0 * {everything}"


def _rate(objective: Availability | Latency, metric: str, *conditions: str) -> str:
    matchers = [
        f'job="{objective.service}"',
        f'http_route=~"{objective.routes}"',
        f'http_request_method=~"{"|".join(objective.methods)}"',
        *filter(None, conditions),
    ]
    return f"sum {BY} (rate({metric}{{{','.join(matchers)}}}[{BASE}]))"


def _errors() -> str:
    return 'http_response_status_code=~"5.."'


def _without_errors(objective: Availability | Latency) -> str:
    return 'http_response_status_code!~"5.."' if isinstance(objective, Latency) else ""


def _alert(objective: ObjectiveOfAnyKind, rate: BurnRate, *, minimum_bad_events: int) -> Rule:
    limit = f"{rate.factor:g} * {objective.budget:g}"
    selector = f'{{slo="{objective.name}"}}'
    # What was recorded is a rate; a sample every so many seconds makes it a number.
    bad_events = f"sum_over_time(slo:bad_events:rate{BASE}{selector}[{rate.long_window}]) * {INTERVAL_SECONDS}"
    return {
        "alert": alert_name(objective),
        "expr": (
            f"{error_ratio(rate.long_seconds)}{selector} > {limit}\n"
            f"and\n{error_ratio(rate.short_seconds)}{selector} > {limit}\n"
            f"and\n{bad_events} >= {minimum_bad_events}"
        ),
        "for": prometheus_duration(rate.pending_seconds),
        "labels": {"severity": rate.severity, "long_window": rate.long_window, "short_window": rate.short_window},
        "annotations": _annotations(objective, rate),
    }


def _annotations(objective: ObjectiveOfAnyKind, rate: BurnRate) -> dict[str, str]:
    return {
        "summary": f"{objective.service} burns the error budget of {objective.name} {rate.factor:g} times too fast",
        "description": (
            f"{{{{ $value | humanizePercentage }}}} of {_what_is_bad(objective)} in the last {rate.long_window}, "
            f"while {objective.budget:.2%} may. At this alert's rate the budget of 30 days lasts {rate.budget_lasts}. "
            f"Objective: {objective.description}"
        ),
        "runbook_url": f"{RUNBOOKS}/{objective.name}-budget-burn.md",
        "dashboard": f"/d/tandem-{objective.service}",
    }


def _what_is_bad(objective: ObjectiveOfAnyKind) -> str:
    if isinstance(objective, Availability):
        return "the requests failed"
    if isinstance(objective, Latency):
        return f"the requests took longer than {objective.threshold_seconds:g} s"
    return f"the time the age was more than {objective.threshold_seconds:g} s"
