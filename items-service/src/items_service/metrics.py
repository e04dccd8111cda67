"""What is measured of this service alone."""

from prometheus_client import Counter, Gauge

from service_chassis.metrics import labelled_counter

ITEMS_CHANGED = labelled_counter(
    "tandem_items_changed_total",
    "How many items people created, updated and deleted.",
    action=["created", "updated", "deleted"],
)
IDEMPOTENT_REPLAYS = Counter(
    "tandem_idempotent_replays_total", "How often a repeated request got the answer of the first."
)
DENYLIST_ENTRIES = Gauge(
    "tandem_denylist_entries", "How many sessions and users are denied.", multiprocess_mode="livemax"
)
EVENT_FEED_AGE = Gauge(
    "tandem_event_feed_age_seconds",
    "How long ago a replica read auth-service's events; infinite if none ever did.",
    multiprocess_mode="livemax",
)
