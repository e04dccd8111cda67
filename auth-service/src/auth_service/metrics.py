"""What is measured of this service alone."""

from prometheus_client import Counter, Gauge, Histogram

from service_chassis.metrics import UNKNOWN, labelled_counter

LOGINS = labelled_counter(
    "tandem_logins_total",
    "How attempts to log in with a password ended.",
    outcome=["succeeded", "wrong_credentials", "inactive", "unverified", "throttled", "busy"],
)
TOKENS_ISSUED = labelled_counter(
    "tandem_tokens_issued_total",
    "How many access tokens were issued, by what for.",
    grant=["password", "refresh_token", "client_credentials", "registration"],
)
REFRESH_TOKEN_REUSE = Counter(
    "tandem_refresh_token_reuse_total", "How often a refresh token was used again, which ends its session."
)
SESSIONS_ACTIVE = Gauge(
    "tandem_sessions_active",
    "How many sessions are live, counted once a minute and up to 100,000.",
    multiprocess_mode="livemostrecent",
)
SESSIONS_ACTIVE.set(UNKNOWN)
SESSIONS_ENDED = labelled_counter(
    "tandem_sessions_ended_total",
    "How many sessions ended before their time, by what for.",
    reason=["logged_out", "revoked", "password_changed", "deactivated", "refresh_reused"],
)
SIGNING_KEY_AGE = Gauge(
    "tandem_signing_key_age_seconds",
    "How long ago the key was made that signs now.",
    multiprocess_mode="livemax",
)
SIGNING_KEYS = Gauge(
    "tandem_signing_keys", "How many signing keys there are, by state.", ["state"], multiprocess_mode="livemax"
)
EVENT_FEED_WAITING = Gauge(
    "tandem_event_feed_waiting", "How many readers of the event feed wait for an event.", multiprocess_mode="livesum"
)
OUTBOX_EVENTS = labelled_counter(
    "tandem_outbox_events_total",
    "How many events were written for other services.",
    type=["session.revoked", "user.deactivated", "user.rights_changed", "user.deleted", "signing_key.dropped"],
)
MAILS = labelled_counter(
    "tandem_mails_total",
    "What became of mails; a local run without a mail server logs them.",
    outcome=["sent", "failed", "logged"],
)
RATE_LIMIT_DECISIONS = labelled_counter(
    "tandem_rate_limit_decisions_total",
    "How often a rate limit allowed or refused something.",
    limit=["network", "account", "account-everywhere", "mail"],
    decision=["allowed", "refused"],
)
RATE_LIMITS_SHARED = Gauge(
    "tandem_rate_limits_shared",
    "1 while all replicas count together in Redis, 0 while each process counts alone.",
    multiprocess_mode="livemin",
)
PASSWORD_HASH_JOBS = Gauge(
    "tandem_password_hash_jobs",
    "How many passwords are hashed, and how many wait for that.",
    ["state"],
    multiprocess_mode="livesum",
)
PASSWORD_HASH_THREADS = Gauge(
    "tandem_password_hash_threads", "How many passwords can be hashed at once.", multiprocess_mode="livesum"
)
PASSWORD_HASH_REFUSALS = Counter(
    "tandem_password_hash_refusals_total", "How often too many passwords waited to be hashed."
)
PASSWORD_HASH_DURATION = Histogram(
    "tandem_password_hash_duration_seconds",
    "How long hashing and comparing took, without the wait before.",
    buckets=(0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5),
)
