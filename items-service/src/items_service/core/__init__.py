"""What the process needs before any request."""
