"""Verifies access tokens: a strict profile of RFC 9068, judged from token, keys and time alone."""
