"""Load tests and the benchmark: what the pair takes, and what a request costs."""
