"""Runs the pair on one machine without a cluster: PostgreSQL, a gateway and the services."""
