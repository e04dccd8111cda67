"""Owns items and validates access tokens on its own."""
