"""Owns users and issues JWTs."""
