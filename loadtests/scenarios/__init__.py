"""Who uses the pair, and how: one class of user for each journey."""
