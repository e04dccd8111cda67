"""One module per URL prefix."""
