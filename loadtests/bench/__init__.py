"""Compares the services with the limit of the machine, with a bare callable and with what the guides write."""
