"""Use cases: rules and the order of steps."""
