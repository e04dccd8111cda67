"""Rules, dashboards and budgets from one file of objectives, and a Prometheus beside the local pair."""
