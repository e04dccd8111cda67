"""Finds what one replica takes: the highest rate of each endpoint that still meets its objectives."""
