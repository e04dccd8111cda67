"""What scripts of other origins may ask, and what they see of an answer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service_chassis.settings import ServiceSettings


def cross_origin_rules(settings: "ServiceSettings") -> dict[str, Any] | None:
    """Return what Starlette's CORS middleware is told; None where no other origin may ask anything."""
    if not settings.cors_origins:
        return None
    return {
        "allow_origins": settings.cors_origins,
        "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
        "allow_headers": [
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-Match",
            "If-None-Match",
            "X-Request-ID",
        ],
        "expose_headers": [
            "ETag",
            "Link",
            "Location",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-Request-ID",
        ],
    }
