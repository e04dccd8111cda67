"""The settings with which the services are compared."""

import os

from local_stack.ports import free_port
from service_chassis.testing.issuer import ISSUER


def service_settings(database_url: str) -> dict[str, str]:
    """Everything on, as shipped: traces too, of which one in a hundred is recorded, although no collector is there."""
    return {
        **os.environ,
        "ENVIRONMENT": "local",
        "LOG_FORMAT": "json",
        "TOKEN_ISSUER": ISSUER,
        "METRICS_PORT": str(free_port()),
        "CORS_ORIGINS": "http://localhost:3000",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
        "DATABASE_URL": database_url,
        # All load comes from one address.
        "LOGIN_LIMIT_PER_NETWORK": "1000000 per minute",
    }
