"""Which schema this version of the service works with."""

SCHEMA_REVISION = "0003"
"""The newest migration; a test holds it to `migrations/versions`."""
