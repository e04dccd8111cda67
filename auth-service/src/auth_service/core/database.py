"""Which schema this version of the service works with."""

SCHEMA_REVISION = "0006"
"""The newest migration; a test holds it to `migrations/versions`."""
