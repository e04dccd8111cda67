"""auth-service: logins, tokens, keys, and who is refused."""

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
from observability.dashboards.requests import (
    COUNT,
    errors_number,
    latency_panel,
    matchers_of,
    p99_number,
    request_panel,
)
from observability.objectives import Availability, Latency, Objectives

SERVICE = "auth-service"
DAY_SECONDS = 86400


def auth_service(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    login, availability = objectives.named("login-latency"), objectives.named("login-availability")
    assert isinstance(login, Latency)  # noqa: S101 - the file of objectives is part of the repository
    assert isinstance(availability, Availability)  # noqa: S101 - the same
    return Dashboard(
        uid="tandem-auth-service",
        title="Tandem / auth-service",
        description="Logins, tokens, keys, and who is refused.",
        panels=[
            *_numbers(login, availability),
            *_keys_and_limits(),
            request_panel(SERVICE),
            latency_panel(login, title="Logins: duration"),
            _logins(),
            *_hashing(),
            _tokens(),
            *_refusals(),
            _events(),
        ],
    )


def _numbers(login: Latency, availability: Availability) -> list[Panel]:
    return [
        number(
            "Logins",
            per_second(COUNT, matchers=matchers_of(login)),
            description="Logins a second.",
            unit=Unit.REQUESTS_PER_SECOND,
        ),
        errors_number(availability),
        p99_number(login, title="Logins: p99"),
        number(
            "Sessions",
            f"max (tandem_sessions_active{labels()})",
            description="Sessions that are active.",
            unit=Unit.NUMBER,
        ),
    ]


def _keys_and_limits() -> list[Panel]:
    return [
        number(
            "Signing key: age",
            f"max (tandem_signing_key_age_seconds{labels()})",
            description="The age of the key that signs; the next one is published after 30 days.",
            unit=Unit.SECONDS,
            thresholds=[Threshold(35 * DAY_SECONDS, "red")],
            runbook="signing-key-not-rotated",
        ),
        number(
            "Limits shared",
            f"min (tandem_rate_limits_shared{labels()})",
            description="Whether replicas count attempts together, in Redis or Valkey.",
            unit=Unit.YES_NO,
            runbook="rate-limits-not-shared",
        ),
    ]


def _logins() -> Panel:
    return Panel(
        title="Logins by outcome",
        description="Logins a second by what became of them. Wrong credentials in numbers are an attack.",
        unit=Unit.PER_SECOND,
        queries=[Query(per_second("tandem_logins_total", by="outcome"), "{{outcome}}")],
        stacked=True,
        runbook="login-failure-spike",
    )


def _hashing() -> list[Panel]:
    return [
        Panel(
            title="Password hashing",
            description="Passwords that are being hashed, that wait for a thread, and that are refused, a second.",
            unit=Unit.NUMBER,
            queries=[
                Query(f"sum by (state) (tandem_password_hash_jobs{labels()})", "{{state}}"),
                Query(f"sum (tandem_password_hash_threads{labels()})", "threads"),
                Query(per_second("tandem_password_hash_refusals_total"), "refused a second"),
            ],
            runbook="password-hash-refusals",
        ),
        Panel(
            title="Password hashing: duration",
            description="How long a hash takes, without waiting.",
            unit=Unit.SECONDS,
            queries=[
                Query(quantile(0.5, "tandem_password_hash_duration_seconds"), "p50"),
                Query(quantile(0.99, "tandem_password_hash_duration_seconds"), "p99"),
            ],
        ),
    ]


def _tokens() -> Panel:
    return Panel(
        title="Tokens issued",
        description="Access tokens a second by what they were given for.",
        unit=Unit.PER_SECOND,
        queries=[Query(per_second("tandem_tokens_issued_total", by="grant"), "{{grant}}")],
        stacked=True,
    )


def _refusals() -> list[Panel]:
    refused = per_second("tandem_rate_limit_decisions_total", by="limit, decision")
    return [
        Panel(
            title="Rate limits",
            description="Attempts a second by the limit that judged them.",
            unit=Unit.PER_SECOND,
            queries=[Query(refused, "{{limit}} {{decision}}")],
            runbook="login-failure-spike",
        ),
        Panel(
            title="Sessions that end",
            description="Sessions that end a second by reason, and refresh tokens that came back after use.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(per_second("tandem_sessions_ended_total", by="reason"), "{{reason}}"),
                Query(per_second("tandem_refresh_token_reuse_total"), "refresh token reused"),
            ],
            runbook="refresh-token-reuse-spike",
        ),
    ]


def _events() -> Panel:
    return Panel(
        title="Events and mails",
        description="Events for other services and mails that were sent, a second; readers that wait for events.",
        unit=Unit.NUMBER,
        queries=[
            Query(per_second("tandem_outbox_events_total", by="type"), "{{type}}"),
            Query(per_second("tandem_mails_total", by="outcome"), "mail {{outcome}}"),
            Query(f"sum (tandem_event_feed_waiting{labels()})", "waiting readers"),
        ],
        runbook="event-feed-stale",
    )
