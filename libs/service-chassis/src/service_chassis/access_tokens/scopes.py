"""What a token may allow; the same words in every service's OpenAPI document."""

USER_SCOPES = {
    "items:read": "Read one's own items.",
    "items:write": "Create, change and delete one's own items.",
    "users:me": "See and change one's own account.",
    "admin": "Act on everybody's users and items.",
}
"""What the token of a person's session may allow."""

SERVICE_SCOPES = {
    "events:read": "Follow the feed of events.",
}
"""What the token of a machine client may allow; no scope is in both, since neither's token opens the other's routes."""
