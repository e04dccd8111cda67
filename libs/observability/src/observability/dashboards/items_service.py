"""items-service: reads and writes, and what it has heard of auth-service."""

from observability.dashboards.panels import (
    Dashboard,
    Panel,
    Query,
    Threshold,
    Unit,
    labels,
    number,
    per_second,
)
from observability.dashboards.requests import (
    COUNT,
    busiest_routes_panel,
    errors_number,
    latency_panel,
    p99_number,
    request_panel,
)
from observability.objectives import Availability, Freshness, Latency, Objectives

SERVICE = "items-service"


def items_service(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    reads, writes = objectives.named("items-read-latency"), objectives.named("items-write-latency")
    availability, freshness = objectives.named("items-availability"), objectives.named("revocation-freshness")
    assert isinstance(reads, Latency)  # noqa: S101 - the file of objectives is part of the repository
    assert isinstance(writes, Latency)  # noqa: S101 - the same
    assert isinstance(availability, Availability)  # noqa: S101 - the same
    assert isinstance(freshness, Freshness)  # noqa: S101 - the same
    return Dashboard(
        uid="tandem-items-service",
        title="Tandem / items-service",
        description="Reads and writes, and what items-service has heard of auth-service.",
        panels=[
            *_numbers(reads, writes, availability=availability, freshness=freshness),
            request_panel(SERVICE),
            latency_panel(reads, title="Reads: duration"),
            latency_panel(writes, title="Writes: duration"),
            busiest_routes_panel(SERVICE),
            *_items(),
            _feed_age(freshness),
            *_heard(),
        ],
    )


def _numbers(reads: Latency, writes: Latency, *, availability: Availability, freshness: Freshness) -> list[Panel]:
    return [
        number(
            "Requests",
            per_second(COUNT, matchers=(f'job="{SERVICE}"',)),
            description="Requests a second.",
            unit=Unit.REQUESTS_PER_SECOND,
        ),
        errors_number(availability),
        p99_number(reads, title="Reads: p99"),
        p99_number(writes, title="Writes: p99"),
        number(
            "Feed: age",
            f"max ({freshness.metric}{labels()})",
            description=freshness.description,
            unit=Unit.SECONDS,
            thresholds=[Threshold(freshness.threshold_seconds, "red")],
            runbook="event-feed-stale",
        ),
        number(
            "Verification keys: age",
            f"max (tandem_verification_keys_age_seconds{labels()})",
            description="How long ago auth-service's keys were fetched; that happens every minute.",
            unit=Unit.SECONDS,
            thresholds=[Threshold(300, "red")],
            runbook="verification-keys-stale",
        ),
    ]


def _items() -> list[Panel]:
    return [
        Panel(
            title="Items that change",
            description="Items created, updated and deleted, a second.",
            unit=Unit.PER_SECOND,
            queries=[Query(per_second("tandem_items_changed_total", by="action"), "{{action}}")],
            stacked=True,
        ),
        Panel(
            title="Safe retries",
            description="Requests a second that were answered from an earlier one's Idempotency-Key.",
            unit=Unit.PER_SECOND,
            queries=[Query(per_second("tandem_idempotent_replays_total"), "replays")],
        ),
    ]


def _feed_age(freshness: Freshness) -> Panel:
    return Panel(
        title="Feed: age by replica",
        description=f"{freshness.description} The red line is that age; 2 to 4 seconds are usual.",
        unit=Unit.SECONDS,
        queries=[Query(f"max by (instance) ({freshness.metric}{labels()})", "{{instance}}")],
        thresholds=[Threshold(freshness.threshold_seconds, "red")],
        runbook="event-feed-stale",
    )


def _heard() -> list[Panel]:
    return [
        Panel(
            title="What is denied",
            description="Sessions, users and keys that are refused although their tokens have not expired.",
            unit=Unit.NUMBER,
            queries=[Query(f"max (tandem_denylist_entries{labels()})", "entries")],
            runbook="event-feed-stale",
        ),
        Panel(
            title="Verification keys",
            description="Keys in each replica's memory, and fetches a minute by outcome.",
            unit=Unit.NUMBER,
            queries=[
                Query(f"min (tandem_verification_keys{labels()})", "keys"),
                Query(
                    f"60 * {per_second('tandem_verification_key_fetches_total', by='outcome')}",
                    "fetches a minute: {{outcome}}",
                ),
            ],
            runbook="verification-keys-stale",
        ),
    ]
